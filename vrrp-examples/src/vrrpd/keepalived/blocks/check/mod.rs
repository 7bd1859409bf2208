//! `check KIND TARGET [OPTION VALUE]...` in a `vrrp_script`: what vrrpd looks at itself. keepalived has no such line.

mod options;
mod shown;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::vrrpd::keepalived::blocks::values::{host, interface, number};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;
use options::{Common, Options, RECORDS, status};
pub(crate) use shown::shown;
use vrrp_io_linux::checks::{
    Dns, Expect, File, FileExpect, Http, Neighbour, Ping, Probe, Process, Proxy, ProxyRequest, Record, Tcp, Tls,
    TlsOptions,
};

/// The kinds, each with its reader and with what may follow.
const KINDS: [(&str, Read, &str); 10] = [
    ("tcp", tcp, "tcp ADDRESS:PORT"),
    ("http", http, "http ADDRESS:PORT [path PATH] [host NAME] [status N[-N]] [header \"NAME: VALUE\"] [body TEXT]"),
    (
        "https",
        https,
        "https ADDRESS:PORT [path PATH] [host NAME] [status N[-N]] [header \"NAME: VALUE\"] [body TEXT] [server_name NAME] [ca FILE] [no_verify] [valid_for SECONDS]",
    ),
    (
        "proxy",
        proxy,
        "proxy ADDRESS:PORT get http://URL | connect HOST:PORT [status N[-N]] [header \"NAME: VALUE\"] [body TEXT]",
    ),
    ("tls", tls, "tls ADDRESS:PORT [server_name NAME] [ca FILE] [no_verify] [valid_for SECONDS]"),
    ("dns", dns, "dns ADDRESS[:PORT] name NAME [type A|AAAA|NS|SOA|MX|TXT] [answer ADDRESS]"),
    ("ping", ping, "ping ADDRESS"),
    ("neighbour", neighbour, "neighbour ADDRESS dev INTERFACE"),
    ("file", file, "file PATH [absent | contains TEXT]"),
    ("process", process, "process NAME [least N] [most N] [full_command]"),
];

type Read = fn(&mut Options<'_>, &mut Report) -> Option<Probe>;

/// The port of a name server that names none.
const DNS_PORT: u16 = 53;

pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Probe> {
    statement.no_block(report);
    let names = || KINDS.map(|(name, ..)| name);
    let Some((kind, rest)) = statement.values.split_first() else {
        report
            .error(statement.keyword.span, "`check` says nothing to look at")
            .with_expected(format!("one of {}, and what is to be looked at", names().join(", ")));
        return None;
    };
    let Some((_, read, syntax)) = KINDS.iter().find(|(name, ..)| *name == kind.text) else {
        report
            .error(kind.span, format!("`{}` is not a kind of check", kind.text))
            .with_expected(format!("one of {}", names().join(", ")))
            .with_nearest(&kind.text, names());
        return None;
    };
    read(&mut Options::new(kind, rest, syntax), report)
}

fn tcp(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let target = endpoint(options.target(report)?, None, options, report)?;
    let mut common = Common::default();
    while let Some(word) = options.next() {
        common.take(word, options, report)?;
    }
    Some(Probe::Tcp(Tcp { target, origin: common.origin(target.ip(), report) }))
}

fn http(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    web(options, false, report)
}

fn https(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    web(options, true, report)
}

fn web(options: &mut Options<'_>, tls: bool, report: &mut Report) -> Option<Probe> {
    let target = endpoint(options.target(report)?, None, options, report)?;
    let (mut common, mut expect, mut secure) = (Common::default(), Expect::default(), Secure::default());
    let (mut path, mut host) = ("/".to_owned(), None);
    while let Some(word) = options.next() {
        match word.text.as_str() {
            "path" => {
                let value = options.value(word, report)?;
                if !soundness::is_path_of_url(&value.text) {
                    report
                        .error(value.span, format!("`{}` is not a path", value.text))
                        .with_expected("a `/` and what follows it, without spaces, in ASCII");
                    return None;
                }
                path = value.text.clone();
            }
            "host" => host = Some(options.value(word, report)?.text.clone()),
            name if tls && Secure::NAMES.contains(&name) => secure.take(word, options, report)?,
            name if EXPECT.contains(&name) => expected(&mut expect, word, options, report)?,
            _ => common.take(word, options, report)?,
        }
    }
    let origin = common.origin(target.ip(), report);
    let named = host.as_deref().map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned());
    let tls = tls.then(|| secure.options(named, target.ip()));
    Some(Probe::Http(Http { target, origin, tls, host, path, expect }))
}

fn proxy(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let proxy = endpoint(options.target(report)?, None, options, report)?;
    let (mut common, mut expect, mut request) = (Common::default(), Expect::default(), None);
    while let Some(word) = options.next() {
        match word.text.as_str() {
            name @ ("get" | "connect") => {
                let value = options.value(word, report)?;
                let text = value.text.clone();
                let asked = match name {
                    "get" => soundness::is_url_for_proxy(&text).then_some(ProxyRequest::Get(text)),
                    _ => soundness::is_host_and_port(&text).then_some(ProxyRequest::Connect(text)),
                };
                if asked.is_none() || request.is_some() {
                    options.refuse(value, report);
                    return None;
                }
                request = asked;
            }
            name if EXPECT.contains(&name) => expected(&mut expect, word, options, report)?,
            _ => common.take(word, options, report)?,
        }
    }
    let Some(request) = request else {
        options.missing("what the proxy is asked for", report);
        return None;
    };
    Some(Probe::Proxy(Proxy { proxy, origin: common.origin(proxy.ip(), report), request, expect }))
}

fn tls(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let target = endpoint(options.target(report)?, None, options, report)?;
    let (mut common, mut secure) = (Common::default(), Secure::default());
    while let Some(word) = options.next() {
        match Secure::NAMES.contains(&word.text.as_str()) {
            true => secure.take(word, options, report)?,
            false => common.take(word, options, report)?,
        }
    }
    let origin = common.origin(target.ip(), report);
    Some(Probe::Tls(Tls { target, origin, options: secure.options(None, target.ip()) }))
}

fn dns(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let server = endpoint(options.target(report)?, Some(DNS_PORT), options, report)?;
    let (mut common, mut name, mut record, mut answer) = (Common::default(), None, Record::default(), None);
    while let Some(word) = options.next() {
        match word.text.as_str() {
            "name" => name = Some(options.value(word, report)?.text.clone()),
            "type" => {
                let value = options.value(word, report)?;
                let Some((_, found)) = RECORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&value.text)) else {
                    options.refuse(value, report);
                    return None;
                };
                record = *found;
            }
            "answer" => {
                let value = options.value(word, report)?;
                answer = Some((host(value, &value.text, report)?, value));
            }
            _ => common.take(word, options, report)?,
        }
    }
    let Some(name) = name else {
        options.missing("the `name` that is asked for", report);
        return None;
    };
    let fits = |address: IpAddr| record == if address.is_ipv4() { Record::A } else { Record::Aaaa };
    if let Some((address, word)) = answer.filter(|(address, _)| !fits(*address)) {
        report
            .error(word.span, format!("{address} answers another type of question"))
            .with_expected("an IPv4 address for type A, an IPv6 address for type AAAA, and none for other types");
        return None;
    }
    let (origin, answer) = (common.origin(server.ip(), report), answer.map(|(address, _)| address));
    Some(Probe::Dns(Dns { server, origin, name, record, answer }))
}

fn ping(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let target = options.target(report)?;
    let target = host(target, &target.text, report)?;
    let mut common = Common::default();
    while let Some(word) = options.next() {
        common.take(word, options, report)?;
    }
    Some(Probe::Ping(Ping { target, origin: common.origin(target, report) }))
}

fn neighbour(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let target = options.target(report)?;
    let target = host(target, &target.text, report)?;
    let mut device = None;
    while let Some(word) = options.next() {
        match word.text.as_str() {
            "dev" => device = Some(interface(options.value(word, report)?, report)?),
            _ => {
                options.refuse(word, report);
                return None;
            }
        }
    }
    let Some(interface) = device else {
        options.missing("the interface", report);
        return None;
    };
    Some(Probe::Neighbour(Neighbour { target, interface }))
}

fn file(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let target = options.target(report)?;
    if !target.text.starts_with('/') {
        report.error(target.span, format!("`{}` is not a whole path", target.text)).with_expected("a path from `/` on");
        return None;
    }
    let mut expect = None;
    while let Some(word) = options.next() {
        let wanted = match word.text.as_str() {
            "absent" => FileExpect::Absent,
            "contains" => FileExpect::Contains(options.value(word, report)?.text.clone()),
            _ => {
                options.refuse(word, report);
                return None;
            }
        };
        if expect.replace(wanted).is_some() {
            options.refuse(word, report);
            return None;
        }
    }
    Some(Probe::File(File { path: target.text.clone().into(), expect: expect.unwrap_or_default() }))
}

fn process(options: &mut Options<'_>, report: &mut Report) -> Option<Probe> {
    let program = options.target(report)?.text.clone();
    let (mut least, mut most, mut full_command) = (1, None, false);
    while let Some(word) = options.next() {
        match word.text.as_str() {
            "least" => least = number(options.value(word, report)?, 0..=65_535, report)?.value,
            "most" => most = Some(number(options.value(word, report)?, 0..=65_535, report)?),
            "full_command" => full_command = true,
            _ => {
                options.refuse(word, report);
                return None;
            }
        }
    }
    if let Some(most) = most.filter(|most| most.value < least) {
        report
            .error(most.span, format!("no number of processes is at most {} and at least {least}", most.value))
            .with_expected("a greatest number that is not below the least");
        return None;
    }
    let (delay_up, delay_down) = (Duration::ZERO, Duration::ZERO);
    let most = most.map(|most| most.value);
    Some(Probe::Process(Process { program, arguments: None, full_command, least, most, delay_up, delay_down }))
}

/// Reads an address with a port, which only `default` may leave out.
fn endpoint(word: &Word, default: Option<u16>, options: &Options<'_>, report: &mut Report) -> Option<SocketAddr> {
    let with_port = word.text.parse::<SocketAddr>().ok();
    let alone = default.and_then(|port| Some(SocketAddr::new(word.text.parse().ok()?, port)));
    let found = with_port.or(alone).filter(|found| found.port() > 0 && soundness::is_of_one(found.ip()));
    if found.is_none() {
        report
            .error(word.span, format!("`{}` is not an address with a port", word.text))
            .with_expected(options.syntax())
            .with_help("names are not looked up, because that could block; write 192.0.2.1:80 or [2001:db8::1]:80");
    }
    found
}

/// The rules for an answer over HTTP.
const EXPECT: [&str; 3] = ["status", "header", "body"];

fn expected(expect: &mut Expect, word: &Word, options: &mut Options<'_>, report: &mut Report) -> Option<()> {
    let value = options.value(word, report)?;
    match word.text.as_str() {
        "status" => expect.status = status(value, report)?,
        "body" => expect.body = Some(value.text.clone()),
        _ => match value.text.split_once(':') {
            Some((name, text)) if soundness::is_request_text(name.trim()) => {
                expect.header = Some((name.trim().to_owned(), text.trim().to_owned()));
            }
            _ => {
                options.refuse(value, report);
                return None;
            }
        },
    }
    Some(())
}

/// The settings for a server that speaks TLS.
struct Secure {
    server_name: Option<String>,
    authorities: Option<String>,
    verify: bool,
    valid_for: Duration,
}

impl Default for Secure {
    fn default() -> Self {
        Self { server_name: None, authorities: None, verify: true, valid_for: Duration::ZERO }
    }
}

impl Secure {
    const NAMES: [&'static str; 4] = ["server_name", "ca", "no_verify", "valid_for"];

    fn take(&mut self, word: &Word, options: &mut Options<'_>, report: &mut Report) -> Option<()> {
        match word.text.as_str() {
            "server_name" => self.server_name = Some(options.value(word, report)?.text.clone()),
            "ca" => self.authorities = Some(options.value(word, report)?.text.clone()),
            "no_verify" => self.verify = false,
            _ => {
                let longest = i64::try_from(soundness::MAX_VALIDITY.as_secs()).unwrap_or(i64::MAX);
                let seconds: u64 = number(options.value(word, report)?, 0..=longest, report)?.value;
                self.valid_for = Duration::from_secs(seconds);
            }
        }
        Some(())
    }

    /// Completes the options of TLS. A server without a name is called by the host's name, or by its address.
    fn options(self, host: Option<String>, address: IpAddr) -> TlsOptions {
        TlsOptions {
            server_name: self.server_name.or(host).unwrap_or_else(|| address.to_string()),
            authorities: self.authorities.map(Into::into),
            verify: self.verify,
            min_validity: self.valid_for,
        }
    }
}
