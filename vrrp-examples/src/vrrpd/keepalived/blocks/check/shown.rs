//! A check as the line of a file, after the word `check`.

use std::fmt::Write as _;

use super::options::RECORDS;
use crate::vrrpd::keepalived::text::written::written;
use vrrp_io_linux::checks::{
    Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Ping, Probe, Process, Proxy, ProxyRequest, Tcp, Tls,
    TlsOptions,
};

/// Returns the line of a file that asks for this check.
pub(crate) fn shown(probe: &Probe) -> String {
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = match probe {
        Probe::Tcp(Tcp { target, origin }) => write!(line, "tcp {target}{}", from(origin)),
        Probe::Http(Http { target, origin, tls, host, path, expect }) => {
            let kind = if tls.is_some() { "https" } else { "http" };
            let host = option("host", host.as_deref());
            let secure = tls.as_ref().map(secure).unwrap_or_default();
            let path = option("path", Some(path));
            write!(line, "{kind} {target}{path}{host}{}{secure}{}", expected(expect), from(origin))
        }
        Probe::Proxy(Proxy { proxy, origin, request, expect }) => {
            let (kind, what) = match request {
                ProxyRequest::Get(url) => ("get", url),
                ProxyRequest::Connect(place) => ("connect", place),
            };
            write!(line, "proxy {proxy} {kind} {}{}{}", written(what), expected(expect), from(origin))
        }
        Probe::Tls(Tls { target, origin, options }) => {
            write!(line, "tls {target}{}{}", secure(options), from(origin))
        }
        Probe::Dns(Dns { server, origin, name, record, answer }) => {
            let answer = option("answer", answer.map(|answer| answer.to_string()).as_deref());
            let record = RECORDS.iter().find(|(_, known)| known == record).map_or("A", |(name, _)| name);
            write!(line, "dns {server} name {} type {record}{answer}{}", written(name), from(origin))
        }
        Probe::Ping(Ping { target, origin }) => write!(line, "ping {target}{}", from(origin)),
        Probe::Neighbour(Neighbour { target, interface }) => {
            write!(line, "neighbour {target} dev {}", written(interface))
        }
        Probe::File(File { path, expect }) => {
            let expect = match expect {
                FileExpect::Absent => " absent".to_owned(),
                FileExpect::Contains(text) => option("contains", Some(text)),
                _ => String::new(),
            };
            write!(line, "file {}{expect}", written(&path.to_string_lossy()))
        }
        Probe::Process(Process { program, full_command, least, most, .. }) => {
            let most = option("most", most.map(|most| most.to_string()).as_deref());
            let full = if *full_command { " full_command" } else { "" };
            write!(line, "process {} least {least}{most}{full}", written(program))
        }
        _ => Ok(()),
    };
    line
}

fn option(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name} {}", written(value))).unwrap_or_default()
}

fn from(Origin { address, interface }: &Origin) -> String {
    let address = option("from", address.map(|address| address.to_string()).as_deref());
    address + &option("dev", interface.as_deref())
}

fn expected(Expect { status: (least, most), header, body }: &Expect) -> String {
    let header = header.as_ref().map(|(name, value)| format!("{name}: {value}"));
    format!(" status {least}-{most}{}{}", option("header", header.as_deref()), option("body", body.as_deref()))
}

fn secure(TlsOptions { server_name, authorities, verify, min_validity }: &TlsOptions) -> String {
    let name = option("server_name", Some(server_name));
    let authorities = option("ca", authorities.as_ref().map(|path| path.to_string_lossy()).as_deref());
    let verify = if *verify { "" } else { " no_verify" };
    let validity = Some(min_validity.as_secs()).filter(|seconds| *seconds > 0).map(|seconds| seconds.to_string());
    format!("{name}{authorities}{verify}{}", option("valid_for", validity.as_deref()))
}
