//! `[check.NAME]`.

use std::path::Path;
use std::time::Duration;

use vrrp_io_linux::checks::{Arguments, Expect, FileExpect, Origin, Probe as Native, ProxyRequest, Record, TlsOptions};

use crate::vrrpd::config::{Check, InitialValue, Probe, TrackWeight};
use crate::vrrpd::native::write::command::Scripts;
use crate::vrrpd::native::write::out::{Out, list, text, time};
use crate::vrrpd::native::write::track::weight_number;

/// Writes a check.
pub(super) fn write(check: &Check, initial: Option<&InitialValue>, scripts: &Scripts<'_>, out: &mut Out) {
    let Check { name, probe, interval, timeout, rise, fall, weight } = check;
    out.table(&["check", name]);
    let tls = match probe {
        Probe::Script(command) => {
            out.line("kind", "\"script\"");
            scripts.keys(command, out);
            None
        }
        Probe::Value(path) => {
            out.line("kind", "\"value\"");
            out.line("path", &self::path(path));
            if let Some(InitialValue { value, overwrite }) = initial {
                out.line("initial", &value.to_string());
                out.flag("overwrite", *overwrite);
            }
            None
        }
        Probe::Native(native) => self::native(native, out),
    };
    out.unless("interval", interval, &Duration::from_secs(1), time);
    out.unless("timeout", timeout, interval, time);
    for (key, count) in [("rise", rise), ("fall", fall)] {
        out.unless(key, &count.get(), &1, u32::to_string);
    }
    let default = TrackWeight::default();
    out.unless("weight", &weight.weight, &default.weight, |weight| weight_number(*weight));
    out.flag("reverse", weight.reverse);
    if let Some(options) = tls {
        out.table(&["check", name, "tls"]);
        tls_options(options, out);
    }
}

/// Returns the table that has to follow.
fn native<'a>(native: &'a Native, out: &mut Out) -> Option<&'a TlsOptions> {
    let mut kind = |kind: &str| out.line("kind", &text(kind));
    match native {
        Native::Tcp(tcp) => {
            kind("tcp");
            out.line("target", &text(&tcp.target.to_string()));
            origin(&tcp.origin, out);
        }
        Native::Http(http) => {
            kind("http");
            out.line("target", &text(&http.target.to_string()));
            out.unless("path", &http.path, &"/".to_owned(), |path| text(path));
            out.some("host", http.host.as_deref().map(text));
            expect(&http.expect, out);
            origin(&http.origin, out);
            return http.tls.as_ref();
        }
        Native::Proxy(proxy) => {
            kind("proxy");
            out.line("target", &text(&proxy.proxy.to_string()));
            match &proxy.request {
                ProxyRequest::Get(url) => out.line("get", &text(url)),
                ProxyRequest::Connect(host) => out.line("connect", &text(host)),
            }
            expect(&proxy.expect, out);
            origin(&proxy.origin, out);
        }
        Native::Tls(tls) => {
            kind("tls");
            out.line("target", &text(&tls.target.to_string()));
            tls_options(&tls.options, out);
            origin(&tls.origin, out);
        }
        Native::Dns(dns) => {
            kind("dns");
            out.line("target", &text(&dns.server.to_string()));
            out.line("name", &text(&dns.name));
            out.unless("record", &dns.record, &Record::A, |record| text(&format!("{record:?}").to_uppercase()));
            out.some("answer", dns.answer.map(|answer| text(&answer.to_string())));
            origin(&dns.origin, out);
        }
        Native::Ping(ping) => {
            kind("ping");
            out.line("target", &text(&ping.target.to_string()));
            origin(&ping.origin, out);
        }
        Native::Neighbour(neighbour) => {
            kind("neighbour");
            out.line("target", &text(&neighbour.target.to_string()));
            out.line("interface", &text(&neighbour.interface));
        }
        Native::File(file) => {
            kind("file");
            out.line("path", &path(&file.path));
            match &file.expect {
                FileExpect::Absent => out.line("expect", "\"absent\""),
                FileExpect::Contains(found) => out.line("contains", &text(found)),
                _ => {}
            }
        }
        Native::Process(process) => {
            kind("process");
            out.line("program", &text(&process.program));
            out.flag("full_command", process.full_command);
            let (words, how) = match &process.arguments {
                Some(Arguments::Exact(words)) => (Some(words), None),
                Some(Arguments::Initial(words)) => (Some(words), Some("initial")),
                Some(Arguments::Partial(words)) => (Some(words), Some("partial")),
                None => (None, None),
            };
            let words_list = |words: &Vec<String>| list(&words.iter().map(|word| text(word)).collect::<Vec<_>>(), 12);
            out.some("arguments", words.map(words_list));
            out.some("match", how.map(text));
            out.unless("least", &process.least, &1, u32::to_string);
            out.some("most", process.most.map(|most| most.to_string()));
            out.unless("up_delay", &process.delay_up, &Duration::ZERO, time);
            out.unless("down_delay", &process.delay_down, &Duration::ZERO, time);
        }
        // What this program cannot make it does not have.
        _ => {}
    }
    None
}

fn origin(Origin { address, interface }: &Origin, out: &mut Out) {
    out.some("source", address.map(|address| text(&address.to_string())));
    out.some("interface", interface.as_deref().map(text));
}

fn expect(Expect { status, header, body }: &Expect, out: &mut Out) {
    out.unless("status", status, &Expect::default().status, |(from, to)| match from == to {
        true => from.to_string(),
        false => format!("\"{from}-{to}\""),
    });
    out.some("header", header.as_ref().map(|(name, value)| text(&format!("{name}: {value}"))));
    out.some("body", body.as_deref().map(text));
}

fn tls_options(TlsOptions { server_name, authorities, verify, min_validity }: &TlsOptions, out: &mut Out) {
    out.line("server_name", &text(server_name));
    out.some("authorities", authorities.as_deref().map(path));
    out.unless("verify", verify, &true, bool::to_string);
    out.unless("min_validity", min_validity, &Duration::ZERO, time);
}

/// Returns a path as text. A path that was read from a file is UTF-8.
pub(super) fn path(path: &Path) -> String {
    text(&path.to_string_lossy())
}
