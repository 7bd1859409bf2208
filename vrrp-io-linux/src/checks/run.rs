//! Looking: one look at each kind of thing.

use std::future::{Future, pending};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::deadline::{Aside, Deadline};
use super::dial::{self, Way};
use super::outcome::{Failure, Outcome};
use super::probe::{Http, Origin, Probe, Proxy, ProxyRequest, Tls, TlsOptions};
use super::target::{Remains, Target};
#[cfg(feature = "checks-tls")]
use super::tls;
use super::watchers::Watchers;
use super::{dns, file, http, neighbour, ping, process};

/// The knowledge that a look leaves for the next one.
#[derive(Debug, Default)]
pub struct Memory {
    watchers: Watchers,
    aside: Aside,
    file: Option<Arc<Notify>>,
    process: process::Known,
    #[cfg(feature = "checks-tls")]
    tls: tls::Known,
}

impl Probe {
    /// Looks once, for at most `timeout`. Whatever is not as expected, or cannot be found out, is a failure.
    ///
    /// Call it on a tokio runtime with its I/O and its timers. No thread waits; files and the table of processes are read on
    /// one of the runtime's threads for what may block.
    pub async fn run(&self, timeout: Duration) -> Outcome {
        look(self, &mut Memory::default(), timeout).await
    }
}

impl Target for Probe {
    type Memory = Memory;

    fn memory(&self, watchers: &Watchers) -> Memory {
        Memory::new(watchers)
    }

    async fn look(&self, memory: &mut Memory, timeout: Duration) -> (Outcome, Remains) {
        (look(self, memory, timeout).await, Remains::none())
    }

    fn woken(&self, memory: &mut Memory) -> impl Future<Output = ()> + Send {
        let is_process = matches!(self, Self::Process(_));
        let Memory { file, process, .. } = memory;
        async move {
            match file {
                Some(file) => file.notified().await,
                None if is_process => process::woken(process).await,
                None => pending().await,
            }
        }
    }

    fn delays(&self) -> (Duration, Duration) {
        match self {
            Self::Process(process) => (process.delay_up, process.delay_down),
            _ => (Duration::ZERO, Duration::ZERO),
        }
    }
}

/// The whole number that a file begins with: it is read when the file changes, and at every interval.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct ValueFile {
    /// The file.
    pub path: PathBuf,
}

impl Target for ValueFile {
    type Memory = Memory;

    fn memory(&self, watchers: &Watchers) -> Memory {
        Memory::new(watchers)
    }

    async fn look(&self, memory: &mut Memory, timeout: Duration) -> (Outcome, Remains) {
        let tell = memory.told_of(self.path.clone());
        (file::value(&self.path, tell, &mut memory.aside, Deadline::after(timeout)).await, Remains::none())
    }

    async fn woken(&self, memory: &mut Memory) {
        match &memory.file {
            Some(file) => file.notified().await,
            None => pending().await,
        }
    }
}

impl Memory {
    fn new(watchers: &Watchers) -> Self {
        Self { watchers: watchers.clone(), ..Self::default() }
    }

    /// Returns what has this check told of changes of a file.
    fn told_of(&mut self, path: PathBuf) -> impl FnOnce() + Send + 'static {
        let tell = self.watchers.files().cloned().map(|files| (files, Arc::clone(self.file.get_or_insert_default())));
        move || {
            if let Some((files, notify)) = tell {
                files.tell(&path, &notify);
            }
        }
    }
}

async fn look(probe: &Probe, memory: &mut Memory, timeout: Duration) -> Outcome {
    let deadline = Deadline::after(timeout);
    match probe {
        Probe::Tcp(tcp) => {
            let found = dial::tcp(tcp.target, &tcp.origin, deadline).await.map(|_| "connected".to_owned());
            Outcome::at(Way(tcp.target, &tcp.origin), found)
        }
        Probe::Http(http) => Outcome::at(Way(http.target, &http.origin), get(http, memory, deadline).await),
        Probe::Proxy(proxy) => {
            let what = match &proxy.request {
                ProxyRequest::Get(url) => format!("{url} by the proxy {}", proxy.proxy),
                ProxyRequest::Connect(to) => format!("a connection to {to} by the proxy {}", proxy.proxy),
            };
            Outcome::at(Way(what, &proxy.origin), by_proxy(proxy, deadline).await)
        }
        Probe::Tls(Tls { target, origin, options }) => {
            Outcome::at(Way(target, origin), shake_hands(*target, origin, options, memory, deadline).await)
        }
        Probe::Dns(dns) => {
            let what = format!("{} {:?} of {}", dns.name, dns.record, dns.server);
            Outcome::at(Way(what, &dns.origin), dns::ask(dns, deadline).await)
        }
        Probe::Ping(ping) => Outcome::at(Way(ping.target, &ping.origin), ping::ping(ping, deadline).await),
        Probe::Neighbour(neighbour) => {
            let origin = Origin { address: None, interface: Some(neighbour.interface.clone()) };
            let found = neighbour::ask(neighbour, &mut memory.aside, deadline).await;
            Outcome::at(Way(neighbour.target, &origin), found)
        }
        Probe::File(file) => {
            let tell = memory.told_of(file.path.clone());
            Outcome::at(file.path.display(), file::look(file, tell, &mut memory.aside, deadline).await)
        }
        Probe::Process(process) => {
            let Memory { watchers, aside, process: known, .. } = memory;
            let found = process::look(process, known, watchers, aside, deadline).await;
            Outcome::at(format_args!("process {}", process.program), found)
        }
    }
}

async fn get(http: &Http, memory: &mut Memory, deadline: Deadline) -> Result<String, Failure> {
    let host = http.host.clone().unwrap_or_else(|| http.target.to_string());
    let request = http::page(&host, &http.path)?;
    let stream = dial::tcp(http.target, &http.origin, deadline).await?;
    match &http.tls {
        None => http::exchange(stream, request, &http.expect, deadline).await,
        Some(options) => encrypted::get(stream, options, memory, request, &http.expect, deadline).await,
    }
}

async fn by_proxy(proxy: &Proxy, deadline: Deadline) -> Result<String, Failure> {
    let request = http::by_proxy(&proxy.request)?;
    let stream = dial::tcp(proxy.proxy, &proxy.origin, deadline).await?;
    http::exchange(stream, request, &proxy.expect, deadline).await
}

async fn shake_hands(
    target: std::net::SocketAddr,
    origin: &Origin,
    options: &TlsOptions,
    memory: &mut Memory,
    deadline: Deadline,
) -> Result<String, Failure> {
    let stream = dial::tcp(target, origin, deadline).await?;
    encrypted::handshake(stream, options, memory, deadline).await
}

#[cfg(feature = "checks-tls")]
mod encrypted {
    use tokio::net::TcpStream;

    use super::super::probe::{Expect, TlsOptions};
    use super::{Deadline, Failure, Memory, http, tls};

    pub(super) async fn get(
        stream: TcpStream,
        options: &TlsOptions,
        Memory { tls, aside, .. }: &mut Memory,
        request: http::Asked,
        expect: &Expect,
        deadline: Deadline,
    ) -> Result<String, Failure> {
        let (stream, _) = tls::handshake(stream, options, tls, aside, deadline).await?;
        http::exchange(stream, request, expect, deadline).await
    }

    pub(super) async fn handshake(
        stream: TcpStream,
        options: &TlsOptions,
        Memory { tls, aside, .. }: &mut Memory,
        deadline: Deadline,
    ) -> Result<String, Failure> {
        let (_, left) = tls::handshake(stream, options, tls, aside, deadline).await?;
        Ok(format!("its certificate is valid for {}", tls::days(left)))
    }
}

/// Without TLS a check that needs it fails.
#[cfg(not(feature = "checks-tls"))]
mod encrypted {
    use tokio::net::TcpStream;

    use super::super::probe::{Expect, TlsOptions};
    use super::{Deadline, Failure, Memory, http};

    pub(super) async fn get(
        _: TcpStream,
        _: &TlsOptions,
        _: &mut Memory,
        _: http::Asked,
        _: &Expect,
        _: Deadline,
    ) -> Result<String, Failure> {
        Err(missing())
    }

    pub(super) async fn handshake(
        _: TcpStream,
        _: &TlsOptions,
        _: &mut Memory,
        _: Deadline,
    ) -> Result<String, Failure> {
        Err(missing())
    }

    fn missing() -> Failure {
        Failure::new("TLS", "this program is built without it (feature `checks-tls` of vrrp-io-linux)".to_owned())
    }
}
