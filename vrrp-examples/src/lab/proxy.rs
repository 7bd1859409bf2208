//! The forward proxy of a host: the real Squid, or a small replacement that answers to the same path and commands.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::mount::{MsFlags, mount};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::http;
use super::options::ProxyKind;
use super::topology::{HostId, PROXY_PORT};
use crate::testbed::error::Error;
use crate::testbed::namespace::{Namespace, mount_tmpfs, this_program};

/// The program that the article's check line runs.
const SQUID: &str = "/usr/sbin/squid";
const SQUID_DIRECTORY: &str = "/etc/squid";
const SQUID_CONFIGURATION: &str = include_str!("squid.conf");
const PID_FILE: &str = "/run/squid.pid";

impl ProxyKind {
    /// Chooses the proxy of the command line, or else the installed one.
    pub(super) fn choose(wanted: Option<Self>) -> Result<Self, Error> {
        let installed = Path::new(SQUID).exists();
        match wanted {
            Some(Self::Squid) if !installed => {
                Err(Error::Usage(format!("--proxy squid: there is no {SQUID}; install Squid, or use --proxy builtin")))
            }
            Some(kind) => Ok(kind),
            None if installed => Ok(Self::Squid),
            None => Ok(Self::Builtin),
        }
    }

    pub(super) const fn describe(self) -> &'static str {
        match self {
            Self::Squid => "Squid (/usr/sbin/squid)",
            Self::Builtin => "the built-in forward proxy, a stand-in at /usr/sbin/squid",
        }
    }
}

/// Puts in place, in the host's own mount namespace, what the proxy reads or is.
pub(super) fn install(namespace: &Namespace, host: HostId, kind: ProxyKind) -> Result<(), Error> {
    let installed = match kind {
        ProxyKind::Squid => namespace.run(|| {
            mount_tmpfs(Path::new(SQUID_DIRECTORY))?;
            fs::write(Path::new(SQUID_DIRECTORY).join("squid.conf"), SQUID_CONFIGURATION.replace("@HOST@", host.name()))
        }),
        ProxyKind::Builtin => {
            let program = this_program()?;
            namespace.run(move || install_stand_in(&program, Path::new(SQUID)))
        }
    };
    installed.map_err(|error| Error::new(format!("installing the proxy on {host}"), error))
}

/// Returns the command that runs the proxy in the foreground. The replacement needs the host's name; Squid has it configured.
pub(super) fn command(host: HostId) -> Command {
    let mut command = Command::new(SQUID);
    command.args(["-N", "-d", "1"]).env(HOST_VARIABLE, host.name());
    command
}

const HOST_VARIABLE: &str = "SQUID_FAILOVER_HOST";

/// Mounts this program over Squid's path. Where nothing is at that path, its directory is first replaced by one that holds
/// links to all that was there, and the path.
fn install_stand_in(program: &Path, path: &Path) -> io::Result<()> {
    let bind = |from: &Path, to: &Path| mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>);
    if !path.exists() {
        let directory = path.parent().unwrap_or(path);
        let original = Path::new("/run/sbin");
        fs::create_dir(original)?;
        bind(directory, original)?;
        mount_tmpfs(directory)?;
        for entry in fs::read_dir(original)? {
            let name = entry?.file_name();
            symlink(original.join(&name), directory.join(&name))?;
        }
        fs::write(path, "")?;
    }
    Ok(bind(program, path)?)
}

/// Runs the replacement: this program, called as `squid`. It knows `-k check` and, with anything else, serves.
pub(super) fn stand_in() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let done = if words == ["-k", "check"] { check() } else { run() };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squid (built-in): {error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> io::Result<()> {
    let pid = fs::read_to_string(PID_FILE)?;
    let pid = pid.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(kill(Pid::from_raw(pid), None)?)
}

fn run() -> io::Result<()> {
    let host = std::env::var(HOST_VARIABLE).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, PROXY_PORT))).await?;
        fs::write(PID_FILE, std::process::id().to_string())?;
        let via = format!("Via: 1.1 {host} (built-in)\r\n");
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return fs::remove_file(PID_FILE),
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(forward(stream, via.clone()));
                    }
                }
            }
        }
    })
}

/// Passes one `GET http://ADDRESS/...` on and its answer back; 503 where the address cannot be reached, as Squid does.
async fn forward(mut client: TcpStream, via: String) -> io::Result<()> {
    let head = http::read_head(&mut client).await?;
    let origin = head.strip_prefix("GET http://").and_then(|rest| rest.split_once('/')).map(|(host, _)| host);
    let answer = match origin.and_then(|host| host.parse::<Ipv4Addr>().ok()) {
        Some(address) => http::exchange(SocketAddr::from((address, 80)), &head).await,
        None => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    let answer = match answer {
        Ok(answer) => answer.replacen("\r\n", &format!("\r\n{via}"), 1),
        Err(_) => format!("HTTP/1.1 503 Service Unavailable\r\n{via}Content-Length: 0\r\nConnection: close\r\n\r\n"),
    };
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
