//! `/events`: server-sent events. The state of everything comes first, then each event with its number, and after events the
//! state of everything again.
//!
//! A message is `snapshot` (the object of `/status.json`), `event` (with the id `RUN-NUMBER`), or `gap`: this many events are
//! missing (`{"missed":3}`), or an unknown number, because vrrpd has begun anew (`{"missed":null}`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, iter, unfold};
use hyper::Request;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::gate::Pass;
use super::news::{News, Part};
use super::sample::Sampler;
use crate::vrrpd::control::pace::Share;

pub(super) const CONTENT_TYPE: &str = "text/event-stream";

/// The state of everything is repeated after so long without events: counters and checks change without events.
const PULSE: Duration = Duration::from_secs(10);
/// Events in one part of the answer.
const AT_ONCE: usize = 64;
/// The time after which a browser connects again, in ms.
const RETRY: &str = "retry: 2000\n\n";

/// The place at which a client wants to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The id of the event after which it begins.
    after: Option<String>,
    /// The number of last events that it begins with.
    last: usize,
}

impl Wanted {
    /// Reads it from a request: `Last-Event-ID` of a browser that connects again, `/events?after=7-50`, `/events?last=50`.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let value = |name: &str| query.split('&').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
        let after = header.or_else(|| value("after").filter(|id| !id.is_empty()));
        let last = value("last").and_then(|last| last.parse().ok());
        Self { after: after.map(str::to_owned), last: last.unwrap_or_default() }
    }

    /// Returns the number of the first event that is wanted, and whether it is unknown what came before it.
    fn first(&self, news: &News) -> (u64, bool) {
        let Some(after) = &self.after else { return (news.before_next(self.last), false) };
        let (run, number) = after.split_once('-').unwrap_or_default();
        match (run.parse().ok() == Some(news.run()), number.parse::<u64>()) {
            (true, Ok(number)) => (number.saturating_add(1), false),
            _ => (news.before_next(usize::MAX), true),
        }
    }
}

/// Returns what a client is sent, one part after the other: the next is made when the last one has left.
pub(super) fn stream(
    news: Arc<News>,
    sampler: Arc<Sampler>,
    share: Arc<Share>,
    wanted: Wanted,
    pass: Pass,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let (next, unknown) = wanted.first(&news);
    let (changes, show_at) = (news.subscribe(), Instant::now());
    let follower = Follower { news, sampler, share, changes, next, unknown, shown: false, show_at, _pass: pass };
    let parts = unfold(follower, |mut follower| async move { Some((follower.part().await?, follower)) });
    iter([Bytes::from_static(RETRY.as_bytes())]).chain(parts)
}

struct Follower {
    news: Arc<News>,
    sampler: Arc<Sampler>,
    /// The share of a processor that all answers have together.
    share: Arc<Share>,
    changes: watch::Receiver<u64>,
    /// The number of the next event.
    next: u64,
    /// It is not known what came before that.
    unknown: bool,
    /// It has had a state of everything.
    shown: bool,
    /// The time of the next state of everything.
    show_at: Instant,
    _pass: Pass,
}

impl Follower {
    /// Waits for the next part. `None`: there is nothing more.
    async fn part(&mut self) -> Option<Bytes> {
        if !self.shown {
            return self.snapshot().await;
        }
        if std::mem::take(&mut self.unknown) {
            return Some(message("gap", None, r#"{"missed":null}"#).into());
        }
        loop {
            self.changes.borrow_and_update();
            if let Some(events) = self.events() {
                self.show_at = self.show_at.min(Sampler::shows(Instant::now()));
                return Some(events.into());
            }
            match timeout_at(self.show_at, self.changes.changed()).await {
                Ok(Ok(())) => {}
                // Nobody tells anything any more.
                Ok(Err(_)) => return None,
                Err(_) => return self.snapshot().await,
            }
        }
    }

    /// Returns the state of everything, of which all clients share the text.
    async fn snapshot(&mut self) -> Option<Bytes> {
        self.share.turn().await;
        let sample = self.sampler.recent().await?;
        self.shown = true;
        self.show_at = Instant::now() + PULSE;
        Some(sample.message())
    }

    fn events(&mut self) -> Option<String> {
        let batch = self.news.read(self.next, AT_ONCE);
        self.next = batch.next;
        let part = |part: &Part| match part {
            Part::Missed(count) => message("gap", None, &format!(r#"{{"missed":{count}}}"#)),
            Part::Line(number, line) => message("event", Some(&format!("{}-{number}", self.news.run())), line),
        };
        let text: String = batch.parts.iter().map(part).collect();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// One message. `data` is JSON, which has no line feed.
fn message(name: &str, id: Option<&str>, data: &str) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::time::SystemTime;

    use tokio::sync::{mpsc, oneshot};
    use vrrp_io_linux::DriverStatus;

    use crate::vrrpd::control::Daemon;
    use crate::vrrpd::control::snapshot::{Reasons, Snapshot};
    use crate::vrrpd::http::gate::{Gate, Limits};
    use crate::vrrpd::http::news::tests::news;
    use crate::vrrpd::log::Lines;

    fn wanted(uri: &str, after: Option<String>) -> Wanted {
        let mut request = Request::builder().uri(uri);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        Wanted::of(&request.body(()).unwrap())
    }

    #[test]
    fn a_client_begins_with_what_comes_or_with_what_it_has_not_seen() {
        let news = news(1..=9);
        let first = |uri: &str, after| wanted(uri, after).first(&news);
        let id = |number: &str| Some(format!("{}-{number}", news.run()));
        assert_eq!(first("/events", None), (10, false));
        assert_eq!(first("/events?last=4", None), (6, false));
        assert_eq!(first("/events?x&last=99", None), (1, false));
        assert_eq!(first("/events?last=-1", None), (10, false));
        assert_eq!(first("/events?last=4", id("2")), (3, false), "it has seen some already");
        assert_eq!(first("/events", id("18446744073709551615")), (u64::MAX, false));
        let asked = |number: &str| format!("/events?last=4&after={}-{number}", news.run());
        assert_eq!(first(&asked("2"), None), (3, false));
        assert_eq!(first(&asked("2"), id("5")), (6, false), "a browser knows the last one");
        for other in ["1-2", "x", "-", "1", ""] {
            let unknown = !other.is_empty();
            assert_eq!(first("/events?last=9", Some(other.to_owned())), (1, unknown), "{other}");
            assert_eq!(first(&format!("/events?after={other}&last=9"), None), (1, unknown), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_asks_for_is_answered_from_what_there_is(
            query in "[ -~]{0,30}|(after|last)=(RUN-)?[0-9]{0,21}",
            id in "[ -~]{0,30}|RUN-[0-9]{0,21}",
        ) {
            let news = news(5..=9);
            let [query, id] = [query, id].map(|text| text.replace("RUN", &news.run().to_string()));
            let mut request = Request::new(());
            request.headers_mut().insert("last-event-id", id.parse().unwrap());
            if let Ok(uri) = format!("/events?{query}").parse() {
                *request.uri_mut() = uri;
            }
            let (first, unknown) = Wanted::of(&request).first(&news);
            let batch = news.read(first, usize::MAX);
            proptest::prop_assert!(batch.next <= 10 && batch.parts.len() <= 6, "{first}: {batch:?}");
            proptest::prop_assert!(!unknown || first == 5);
        }
    }

    #[test]
    fn a_message_is_one_whatever_is_in_it() {
        let text = serde_json::to_string("two\nlines\r\ndata: x").unwrap();
        assert_eq!(message("event", Some("1-2"), &text), format!("event: event\nid: 1-2\ndata: {text}\n\n"));
        assert!(!text.contains(['\n', '\r']));
    }

    /// Starts a daemon without routers, and returns how often it was asked.
    fn daemon() -> (Daemon, Arc<std::sync::atomic::AtomicU32>) {
        let (snapshots, mut asked) = mpsc::channel::<oneshot::Sender<Arc<Snapshot>>>(1);
        let count = Arc::<std::sync::atomic::AtomicU32>::default();
        let counter = Arc::clone(&count);
        tokio::spawn(async move {
            while let Some(reply) = asked.recv().await {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let (driver, taken_at) = (DriverStatus::default(), SystemTime::UNIX_EPOCH);
                let reasons = Reasons::default();
                let (config, checks, by_hand) = (Arc::default(), vec![], vec![]);
                let _ = reply.send(Arc::new(Snapshot { taken_at, config, driver, checks, reasons, by_hand }));
            }
        });
        (Daemon { snapshots, orders: mpsc::channel(1).0, lines: Lines::default() }, count)
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_follow_share_the_text_of_a_status() {
        let (daemon, _) = daemon();
        let (news, sampler, share) = (Arc::new(news([])), Arc::new(Sampler::new(daemon)), Arc::new(Share::new()));
        let gate = Gate::new(Limits { all: 2, each: 2 });
        let mut texts = Vec::new();
        for (after, parts) in [(None, 2), (Some("1-1".to_owned()), 3)] {
            let pass = gate.enter([127, 0, 0, 1].into()).unwrap();
            let (news, sampler, share) = (Arc::clone(&news), Arc::clone(&sampler), Arc::clone(&share));
            let parts: Vec<Bytes> =
                stream(news, sampler, share, wanted("/events", after), pass).take(parts).collect().await;
            texts.push(parts);
        }
        assert_eq!(texts[0][1].as_ptr(), texts[1][1].as_ptr());
        assert_eq!(texts[1][2], "event: gap\ndata: {\"missed\":null}\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_told_how_many_lines_are_missing_and_ends_with_its_connection() {
        let (daemon, asked) = daemon();
        let (news, gate) = (Arc::new(news(1..=1000)), Gate::new(Limits { all: 1, each: 1 }));
        let address = [127, 0, 0, 1].into();
        let (sampler, wanted) = (Arc::new(Sampler::new(daemon)), wanted("/events", Some(format!("{}-8", news.run()))));
        {
            let pass = gate.enter(address).unwrap();
            let share = Arc::new(Share::new());
            let mut parts = pin!(stream(Arc::clone(&news), Arc::clone(&sampler), share, wanted, pass));
            let mut next = async || String::from_utf8(parts.next().await.unwrap().to_vec()).unwrap();
            assert_eq!(next().await, RETRY);
            assert!(next().await.starts_with("event: snapshot\ndata: {"));
            let events = next().await;
            let begin = format!("event: gap\ndata: {{\"missed\":480}}\n\nevent: event\nid: {}-489\n", news.run());
            assert!(events.starts_with(&begin), "{events}");
            assert_eq!(events.matches("event: event\n").count(), AT_ONCE, "not all at once");
            for _ in 1..8 {
                assert!(next().await.starts_with("event: event\n"));
            }
            let begun = Instant::now();
            assert!(next().await.starts_with("event: snapshot\n"));
            assert!(next().await.starts_with("event: snapshot\n"));
            assert!((10.0..11.0).contains(&begun.elapsed().as_secs_f64()), "soon after events, and then now and then");
            assert!(gate.enter(address).is_none());
        }
        assert!(gate.enter(address).is_some());
        let before = asked.load(std::sync::atomic::Ordering::Relaxed);
        for _ in 0..50 {
            assert!(sampler.recent().await.is_some());
        }
        assert!(asked.load(std::sync::atomic::Ordering::Relaxed) <= before + 1, "one look for all");
    }
}
