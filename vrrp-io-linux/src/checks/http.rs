//! HTTP/1.1: pages of web servers, and what proxies do for their clients.

use std::pin::Pin;
use std::{fmt, future::Future};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::http::{self, HeaderValue, Uri};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::deadline::Deadline;
use super::outcome::{Failure, Why};
use super::probe::{Expect, ProxyRequest};

/// The octets of a body that are looked at.
const BODY: usize = 256 * 1024;

const REQUEST: &str = "request";
const ANSWER: &str = "answer";

/// A request without a body.
pub(super) type Asked = Request<Empty<Bytes>>;

/// The request for a page of a web server.
pub(super) fn page(host: &str, path: &str) -> Result<Asked, Failure> {
    let uri: Uri = path.parse().map_err(|why| malformed(path, why))?;
    // `Uri` takes other forms too.
    if !path.starts_with('/') {
        return Err(Failure::unexpected(REQUEST, "a path that begins with /", path));
    }
    asked(Method::GET, uri, host)
}

/// The request to a proxy.
pub(super) fn by_proxy(request: &ProxyRequest) -> Result<Asked, Failure> {
    match request {
        ProxyRequest::Get(url) => {
            let uri: Uri = url.parse().map_err(|why| malformed(url, why))?;
            match (uri.scheme_str(), uri.authority()) {
                (Some("http"), Some(authority)) => {
                    let host = authority.to_string();
                    asked(Method::GET, uri, &host)
                }
                _ => Err(Failure::unexpected(REQUEST, "a URL that begins with http://", url)),
            }
        }
        ProxyRequest::Connect(to) => {
            let uri: Uri = to.parse().map_err(|why| malformed(to, why))?;
            match uri.authority() {
                Some(authority) if authority.port().is_some() && authority.as_str() == to => {
                    asked(Method::CONNECT, uri, to)
                }
                _ => Err(Failure::unexpected(REQUEST, "HOST:PORT", to)),
            }
        }
    }
}

fn asked(method: Method, uri: Uri, host: &str) -> Result<Asked, Failure> {
    let request = Request::builder().method(method).uri(uri).header(HOST, host).header(CONNECTION, "close");
    request
        .header(USER_AGENT, HeaderValue::from_static("vrrp-check"))
        .body(Empty::new())
        .map_err(|why| malformed(host, why))
}

fn malformed(what: &str, why: impl Into<http::Error>) -> Failure {
    Failure::new(REQUEST, format!("`{what}` cannot be asked for: {}", why.into()))
}

/// Sends a request and compares the answer. Returns what came, for people.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Asked,
    expect: &Expect,
    deadline: Deadline,
) -> Result<String, Failure> {
    let (mut sender, connection) = deadline.step(REQUEST, http1::handshake(TokioIo::new(stream))).await?;
    let mut connection = Beside { future: std::pin::pin!(connection), over: false };
    let mut response = deadline.step(ANSWER, connection.run(sender.send_request(request))).await?;
    head(&response, expect)?;
    if let Some(text) = &expect.body {
        let found = deadline.step("body", connection.run(find(&mut response, text))).await?;
        if !found {
            return Err(Failure::unexpected("body", format_args!("`{text}` in its first {BODY} octets"), "none"));
        }
    }
    Ok(format!("status {}", response.status().as_u16()))
}

/// Compares what comes before the body.
fn head(response: &Response<Incoming>, expect: &Expect) -> Result<(), Failure> {
    let (least, greatest) = expect.status;
    let status = response.status().as_u16();
    if !(least..=greatest).contains(&status) {
        let expected = Statuses(least, greatest);
        return Err(Failure::unexpected(ANSWER, expected, format_args!("status {}", response.status())));
    }
    let Some((name, text)) = &expect.header else { return Ok(()) };
    let mut values = response.headers().get_all(name.as_str()).iter().peekable();
    let expected = format!("`{text}` in the header {name}");
    match values.peek() {
        None => Err(Failure::unexpected(ANSWER, expected, "no such header")),
        Some(first) => {
            let found = format!("`{}`", String::from_utf8_lossy(first.as_bytes()));
            let is_there = values.any(|value| contains(value.as_bytes(), text.as_bytes()));
            if is_there { Ok(()) } else { Err(Failure::unexpected(ANSWER, expected, found)) }
        }
    }
}

/// Tells whether a text is in the body, and reads no more than that takes.
async fn find(response: &mut Response<Incoming>, text: &str) -> Result<bool, hyper::Error> {
    let (mut body, mut from) = (Vec::<u8>::new(), 0);
    loop {
        if contains(body.get(from..).unwrap_or_default(), text.as_bytes()) {
            return Ok(true);
        }
        if body.len() >= BODY {
            return Ok(false);
        }
        // The part that was searched is needed only where the text may begin in it.
        from = (body.len() + 1).saturating_sub(text.len());
        match response.body_mut().frame().await {
            Some(frame) => body.extend_from_slice(frame?.data_ref().map_or(&[], |data| data)),
            None => return Ok(false),
        }
        body.truncate(BODY);
    }
}

/// Returns whether `text` is in `octets`.
pub(super) fn contains(octets: &[u8], text: &[u8]) -> bool {
    text.is_empty() || octets.windows(text.len()).any(|part| part == text)
}

struct Statuses(u16, u16);

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(least, greatest) = self;
        if least == greatest { write!(f, "status {least}") } else { write!(f, "a status from {least} to {greatest}") }
    }
}

/// A future that has to go on beside another: the connection, while its answer is waited for.
struct Beside<'a, F> {
    future: Pin<&'a mut F>,
    over: bool,
}

impl<F: Future<Output = Result<(), hyper::Error>>> Beside<'_, F> {
    async fn run<T, E: Into<Why>>(&mut self, other: impl Future<Output = Result<T, E>>) -> Result<T, Why> {
        let mut other = std::pin::pin!(other);
        if !self.over {
            tokio::select! {
                biased;
                done = &mut other => return done.map_err(Into::into),
                // Its end says nothing where the answer is here already, and else the answer says it.
                _ = &mut self.future => self.over = true,
            }
        }
        other.await.map_err(Into::into)
    }
}
