//! The answer to each request.

use std::future::pending;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::{Body as _, Incoming};
use hyper::header::ACCEPT;
use hyper::{Method, Request, StatusCode};
use vrrp_core::timeline;

use super::answer::{self, Answer, JSON, TEXT};
use super::events;
use super::gate::{Gate, Limits};
use super::host::{self, Wrong};
use super::metrics::Format;
use super::news::News;
use super::sample::{Sample, Sampler};
use super::status::SCHEMA;
use crate::vrrpd::control::Daemon;
use crate::vrrpd::control::pace::Share;
use crate::vrrpd::log::Reader;

/// The longest path with what follows it.
const PATH: usize = 1024;
/// The clients that may follow the events at once. There is room for others beside them.
const FOLLOWERS: Limits = Limits { all: 64, each: 16 };

const HISTORY: &str = include_str!("page/history.js");
const PAGE: &str = include_str!("page/index.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");
const ICON: &str = include_str!("page/icon.svg");

/// All that is served.
#[derive(Debug)]
pub struct Site {
    sampler: Arc<Sampler>,
    news: Arc<News>,
    /// The lines of its own log, until they are taken in.
    reader: Mutex<Option<Reader>>,
    followers: Gate,
    share: Arc<Share>,
}

impl Site {
    /// Shows a daemon, and what it tells of itself from now on.
    #[must_use]
    pub fn new(daemon: Daemon) -> Self {
        let reader = Mutex::new(daemon.lines.read_along());
        let (sampler, news) = (Arc::new(Sampler::new(daemon)), Arc::default());
        Self { sampler, news, reader, followers: Gate::new(FOLLOWERS), share: Arc::new(Share::new()) }
    }

    /// Takes in what the daemon tells. Never ends.
    pub(super) async fn take_in(&self) {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            self.news.take_in(reader).await;
        }
        pending().await
    }

    /// Answers a request that came `from` one address `to` another.
    pub(super) async fn answer(&self, request: Request<Incoming>, from: IpAddr, to: IpAddr) -> Answer {
        self.share.turn().await;
        match self.refuse(&request, to) {
            Some((status, why)) => answer::refusal(status, why),
            None => self.serve(&request, from).await,
        }
    }

    fn refuse(&self, request: &Request<Incoming>, to: IpAddr) -> Option<(StatusCode, &'static str)> {
        let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
        match host::check(request, to) {
            Err(Wrong::NoHost) => return Some((StatusCode::BAD_REQUEST, "expected one Host: NAME in the request")),
            Err(Wrong::OtherHost) => {
                let why = "this is not the host that the request names; use localhost or the loopback address";
                return Some((StatusCode::MISDIRECTED_REQUEST, why));
            }
            Ok(()) => {}
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            Some((StatusCode::METHOD_NOT_ALLOWED, "this can only be read; expected GET or HEAD"))
        } else if length > PATH {
            Some((StatusCode::URI_TOO_LONG, "the address is too long; expected one of those on the page /"))
        } else if !request.body().is_end_stream() {
            Some((StatusCode::PAYLOAD_TOO_LARGE, "expected a request without content"))
        } else {
            None
        }
    }

    async fn serve(&self, request: &Request<Incoming>, from: IpAddr) -> Answer {
        match request.uri().path() {
            "/" => answer::whole("text/html; charset=utf-8", PAGE),
            "/timeline.js" => answer::whole("text/javascript; charset=utf-8", timeline::SCRIPT),
            "/timeline.css" => answer::whole("text/css; charset=utf-8", timeline::STYLE),
            "/history.js" => answer::whole("text/javascript; charset=utf-8", HISTORY),
            "/page.js" => answer::whole("text/javascript; charset=utf-8", SCRIPT),
            "/page.css" => answer::whole("text/css; charset=utf-8", STYLE),
            "/icon.svg" => answer::whole("image/svg+xml", ICON),
            "/status.schema.json" => answer::whole("application/schema+json", SCHEMA),
            "/status.json" => self.show(|sample| answer::whole(JSON, sample.status())).await,
            "/metrics" => {
                let format = Format::wanted(request.headers().get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok()));
                self.show(|sample| answer::whole(format.content_type(), sample.metrics(format))).await
            }
            "/events" if request.method() == Method::HEAD => answer::nothing(events::CONTENT_TYPE),
            "/events" => match self.followers.enter(from) {
                Some(pass) => {
                    let wanted = events::Wanted::of(request);
                    let (news, sampler, share) = (&self.news, &self.sampler, &self.share);
                    let (news, sampler, share) = (Arc::clone(news), Arc::clone(sampler), Arc::clone(share));
                    answer::endless(events::CONTENT_TYPE, events::stream(news, sampler, share, wanted, pass))
                }
                None => answer::refusal(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too many clients follow the events; try again later",
                ),
            },
            "/robots.txt" => answer::whole(TEXT, "User-agent: *\nDisallow: /\n"),
            _ => {
                let why = "there is nothing here; expected /, /metrics, /status.json, /status.schema.json or /events";
                answer::refusal(StatusCode::NOT_FOUND, why)
            }
        }
    }

    async fn show(&self, make: impl FnOnce(&Sample) -> Answer) -> Answer {
        match self.sampler.recent().await {
            Some(sample) => make(&sample),
            None => answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "vrrpd stops, or is too busy to answer"),
        }
    }
}
