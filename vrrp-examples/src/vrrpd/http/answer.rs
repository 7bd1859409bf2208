//! Answers, with what each says to browsers.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(super) type Answer = Response<Body>;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// The page has its own scripts and styles, and nothing from anywhere else; nobody shows it inside of another.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
                      connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Returns an answer that is all there.
pub(super) fn whole(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    with(StatusCode::OK, kind, Full::new(body.into()).boxed_unsync())
}

/// Returns an answer that goes on.
pub(super) fn endless(kind: &'static str, parts: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    let frames = parts.map(|part| Ok(Frame::data(part)));
    with(StatusCode::OK, kind, StreamBody::new(frames).boxed_unsync())
}

/// Returns an answer without content of the kind of another: to HEAD, where that would go on.
pub(super) fn nothing(kind: &'static str) -> Answer {
    endless(kind, stream::empty())
}

/// Returns why there is no answer, as a line of text.
pub(super) fn refusal(status: StatusCode, why: &str) -> Answer {
    let mut answer = with(status, TEXT, Full::new(Bytes::from(format!("{why}\n"))).boxed_unsync());
    let headers = answer.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"))),
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
        _ => {}
    }
    // Whoever is wrong may begin anew.
    if status != StatusCode::NOT_FOUND {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn with(status: StatusCode, kind: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
