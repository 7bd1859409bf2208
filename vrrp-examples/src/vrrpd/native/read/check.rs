//! `[check.NAME]`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use vrrp_io_linux::checks::{
    Arguments, Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Ping, Probe as Native, Process, Proxy,
    ProxyRequest, Record, Tcp, Tls, TlsOptions,
};

use crate::vrrpd::config::{Check, InitialValue, Probe, TrackWeight};
use crate::vrrpd::native::read::command::Scripts;
use crate::vrrpd::native::read::track::weight;
use crate::vrrpd::native::section::{Section, mismatch};
use crate::vrrpd::native::shape::{Kind, Shape};
use crate::vrrpd::native::tables::{ANY_CHECK, CHECKS, VALUE_CHECK};
use crate::vrrpd::native::tree::{At, Node, Value, Word};
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::nearest;
use crate::vrrpd::soundness;

/// Reads a check.
pub(crate) fn read((name, node): &(Word, Node), scripts: &Scripts, report: &mut Report) -> Option<Check> {
    let (kind, shape) = kind(name, node, report)?;
    let section = Section::read(node, name.span, &[shape, &ANY_CHECK], report)?;
    let interval = section.time("interval", report).map_or(Duration::from_secs(1), |interval| interval.value);
    let timeout = section.time("timeout", report).map_or(interval, |timeout| timeout.value);
    let mut count = |name| {
        let count = section.whole(name, report).and_then(|count: At<u32>| NonZeroU32::new(count.value));
        count.unwrap_or(NonZeroU32::MIN)
    };
    let (rise, fall) = (count("rise"), count("fall"));
    let weight = weight(&section, TrackWeight::default(), report);
    let probe = probe(kind, &section, scripts, report)?;
    Some(Check { name: name.value.clone(), probe, interval, timeout, rise, fall, weight })
}

/// Reads what the file of a check is to say at the start, by the name of the check.
pub(crate) fn initial_value((name, node): &(Word, Node), report: &mut Report) -> Option<(String, InitialValue)> {
    let Value::Table(entries) = &node.value else { return None };
    // What is wrong with its keys was said when the check was read.
    let section = Section::quiet(entries, name.span, vec![&VALUE_CHECK]);
    if !matches!(&section.node("kind")?.value, Value::Text(kind) if kind == "value") {
        return None;
    }
    let overwrite = section.flag("overwrite", report);
    if let Some(overwrite) = overwrite.filter(|_| section.node("initial").is_none()) {
        report.notice(overwrite.span, "`overwrite` has no effect: there is no `initial`");
    }
    let (value, overwrite) = (section.whole("initial", report)?.value, overwrite.is_some_and(|it| it.value));
    Some((name.value.clone(), InitialValue { value, overwrite }))
}

/// Returns the kind of a check, and the keys that it has for that.
fn kind(name: &Word, node: &Node, report: &mut Report) -> Option<(&'static str, &'static Shape)> {
    let Value::Table(entries) = &node.value else {
        mismatch(node, format!("a table {}", ANY_CHECK.name), report);
        return None;
    };
    if !entries.iter().any(|(key, _)| key.value == "kind") {
        let expected = ANY_CHECK.key("kind").map(|key| key.kind.expected()).unwrap_or_default();
        let message = format!("the check `{}` has no `kind`", name.value);
        let keys = entries.iter().map(|(key, _)| key.value.as_str());
        let misspelt = nearest("kind", keys.filter(|key| ANY_CHECK.key(key).is_none())).map(str::to_owned);
        let found = report.error(name.span, message).with_expected(format!("`kind` with {expected}"));
        if let Some(key) = misspelt {
            found.with_help(format!("is `{key}` meant to be `kind`?"));
        }
        return None;
    }
    // Only its kind is looked at: the other keys are those of one kind.
    let kind = Section::quiet(entries, name.span, vec![&ANY_CHECK]).choice("kind", report)?;
    CHECKS.iter().find(|(name, _)| *name == kind.value).copied()
}

fn probe(kind: &str, section: &Section<'_>, scripts: &Scripts, report: &mut Report) -> Option<Probe> {
    let native = match kind {
        "script" => return scripts.of_table(section, report).map(Probe::Script),
        "value" => return section.path("path", report).map(Probe::Value),
        "tcp" => {
            let (target, origin) = server(section, report);
            Native::Tcp(Tcp { target: target?, origin })
        }
        "http" => http(section, report)?,
        "proxy" => proxy(section, report)?,
        "tls" => {
            let (target, origin) = server(section, report);
            Native::Tls(Tls { options: tls_options(section, report)?, target: target?, origin })
        }
        "dns" => dns(section, report)?,
        "ping" => {
            let target = section.host("target", report).map(|target| target.value);
            let origin = origin(section, target, report);
            Native::Ping(Ping { target: target?, origin })
        }
        "neighbour" => {
            let (target, interface) = (section.host("target", report), section.interface("interface", report));
            Native::Neighbour(Neighbour { target: target?.value, interface: interface?.value })
        }
        "file" => file(section, report)?,
        _ => process(section, report)?,
    };
    Some(Probe::Native(native))
}

/// Reads where packets to the target come from.
fn origin(section: &Section<'_>, target: Option<IpAddr>, report: &mut Report) -> Origin {
    let source = section.host("source", report);
    if let (Some(At { value, span }), Some(target)) = (source, target) {
        soundness::source_of_check((value, span), target, report);
    }
    Origin {
        address: source.map(|source| source.value),
        interface: section.interface("interface", report).map(|interface| interface.value),
    }
}

/// Reads the server and where packets to it come from.
fn server(section: &Section<'_>, report: &mut Report) -> (Option<SocketAddr>, Origin) {
    let target = section.socket("target", report);
    (target, origin(section, target.map(|target| target.ip()), report))
}

fn http(section: &Section<'_>, report: &mut Report) -> Option<Native> {
    let ((target, origin), expect) = (server(section, report), expect(section, report));
    let host = section.text("host", report).map(|host| host.value);
    let path = section.text("path", report);
    if let Some(wrong) = path.as_ref().filter(|path| !soundness::is_path_of_url(&path.value)) {
        report
            .error(wrong.span, "this is not the path of a URL")
            .with_expected("a path that begins with `/`, without spaces, in ASCII");
    }
    let tls = match section.node("tls") {
        Some(_) => Some(tls_options(&section.table("tls", report)?, report)?),
        None => None,
    };
    let path = path.map_or("/".to_owned(), |path| path.value);
    Some(Native::Http(Http { target: target?, origin, tls, host, path, expect }))
}

fn proxy(section: &Section<'_>, report: &mut Report) -> Option<Native> {
    let ((proxy, origin), expect) = (server(section, report), expect(section, report));
    let (get, connect) = (section.text("get", report), section.text("connect", report));
    if let Some(wrong) = get.as_ref().filter(|get| !soundness::is_url_for_proxy(&get.value)) {
        report
            .error(wrong.span, format!("`{}` is not a URL for a proxy", wrong.value))
            .with_expected("a URL that begins with `http://`, without spaces")
            .with_help("`connect` with \"HOST:443\" asks for what `https://` needs");
    }
    if let Some(wrong) = connect.as_ref().filter(|connect| !soundness::is_host_and_port(&connect.value)) {
        report
            .error(wrong.span, format!("`{}` is not a host with a port", wrong.value))
            .with_expected("HOST:PORT, like \"www.example.org:443\"");
    }
    let request = match (get, connect) {
        (Some(get), None) => ProxyRequest::Get(get.value),
        (None, Some(connect)) => ProxyRequest::Connect(connect.value),
        (get, _) => {
            let (span, message) = match get {
                Some(get) => (get.span, "`get` and `connect` in one check"),
                None => (section.span, "this check asks the proxy for nothing"),
            };
            report.error(span, message).with_expected("one of `get` and `connect`");
            return None;
        }
    };
    Some(Native::Proxy(Proxy { proxy: proxy?, origin, request, expect }))
}

fn expect(section: &Section<'_>, report: &mut Report) -> Expect {
    let default = Expect::default();
    Expect {
        status: section.node("status").and_then(|node| status(node, report)).unwrap_or(default.status),
        header: header(section, report),
        body: section.text("body", report).map(|body| body.value),
    }
}

fn status(node: &Node, report: &mut Report) -> Option<(u16, u16)> {
    let status = match &node.value {
        Value::Whole(Some(number)) => u16::try_from(*number).ok().map(|status| (status, status)),
        Value::Text(text) => {
            text.split_once('-').and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)))
        }
        _ => None,
    };
    let status = status.filter(|(from, to)| (100..=999).contains(from) && (100..=999).contains(to) && from <= to);
    if status.is_none() {
        report.error(node.span, "this is not a status of HTTP").with_expected(Kind::Status.expected());
    }
    status
}

fn header(section: &Section<'_>, report: &mut Report) -> Option<(String, String)> {
    let text = section.text("header", report)?;
    let header = text.value.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    let header = header.filter(|(name, _)| soundness::is_request_text(name));
    if header.is_none() {
        report.error(text.span, "this is not a header").with_expected("\"Name: text\"");
    }
    header
}

fn tls_options(section: &Section<'_>, report: &mut Report) -> Option<TlsOptions> {
    let server_name = section.text("server_name", report);
    let authorities = section.path("authorities", report);
    let verify = section.flag("verify", report).is_none_or(|verify| verify.value);
    let min_validity = section.time("min_validity", report).map(|time| time.value).unwrap_or_default();
    Some(TlsOptions { server_name: server_name?.value, authorities, verify, min_validity })
}

fn dns(section: &Section<'_>, report: &mut Report) -> Option<Native> {
    let (server, origin) = server(section, report);
    let (name, answer) = (section.text("name", report), section.host("answer", report));
    let record = match section.choice("record", report).map(|record| record.value) {
        Some("AAAA") => Record::Aaaa,
        Some("NS") => Record::Ns,
        Some("SOA") => Record::Soa,
        Some("MX") => Record::Mx,
        Some("TXT") => Record::Txt,
        _ => Record::A,
    };
    let fits = |answer: &At<IpAddr>| match record {
        Record::A => answer.value.is_ipv4(),
        Record::Aaaa => answer.value.is_ipv6(),
        _ => false,
    };
    if let Some(wrong) = answer.filter(|answer| !fits(answer)) {
        report
            .error(wrong.span, format!("no record of this type holds {}", wrong.value))
            .with_expected("an IPv4 address with the record \"A\", an IPv6 address with \"AAAA\"");
    }
    let answer = answer.map(|answer| answer.value);
    Some(Native::Dns(Dns { server: server?, origin, name: name?.value, record, answer }))
}

fn file(section: &Section<'_>, report: &mut Report) -> Option<Native> {
    let (path, expect) = (section.path("path", report), section.choice("expect", report));
    let contains = section.text("contains", report);
    if let (Some(_), Some(expect)) = (&contains, expect.filter(|expect| expect.value == "absent")) {
        report
            .error(expect.span, "a file that is absent contains nothing")
            .with_expected("no `contains`, or \"present\"");
    }
    let expect = match (contains, expect.map(|expect| expect.value)) {
        (Some(text), _) => FileExpect::Contains(text.value),
        (None, Some("absent")) => FileExpect::Absent,
        (None, _) => FileExpect::Present,
    };
    Some(Native::File(File { path: path?, expect }))
}

fn process(section: &Section<'_>, report: &mut Report) -> Option<Native> {
    let (program, words) = (section.text("program", report), section.words("arguments", report));
    let how = section.choice("match", report);
    if let (None, Some(how)) = (&words, how) {
        report.error(how.span, "`match` without `arguments`").with_expected("`arguments`, or no `match`");
    }
    let words = words.map(|words| words.value.into_iter().map(|word| word.value).collect());
    let arguments = words.map(|words| match how.map(|how| how.value) {
        Some("initial") => Arguments::Initial(words),
        Some("partial") => Arguments::Partial(words),
        _ => Arguments::Exact(words),
    });
    let full_command = section.flag("full_command", report).is_some_and(|full| full.value);
    let least = section.whole("least", report).map_or(1, |least| least.value);
    let most: Option<At<u32>> = section.whole("most", report);
    if let Some(most) = most.filter(|most| most.value < least) {
        report.error(most.span, "`most` is less than `least`").with_expected(format!("{least} or more"));
    }
    let mut delay = |name| section.time(name, report).map(|time| time.value).unwrap_or_default();
    let (delay_up, delay_down) = (delay("up_delay"), delay("down_delay"));
    let (program, most) = (program?.value, most.map(|most| most.value));
    Some(Native::Process(Process { program, arguments, full_command, least, most, delay_up, delay_down }))
}
