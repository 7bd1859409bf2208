//! The daemon's end: many clients, each with a task of its own, none able to hold up another or the daemon.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::daemon::Daemon;
use super::pace::{Pace, Share};
use super::protocol::{self, Answer, line};
use super::refused::Refused;
use super::socket::ControlSocket;
use super::verb::Nexts;
use crate::vrrpd::log::log;

/// The longest request, its end of line included.
const MAX_REQUEST: u64 = 64 * 1024;
/// Clients served side by side. A new client replaces an idle one, or one that has only asked questions for more than a second.
/// A client that has given an order, or watches, keeps its place.
const MAX_CLIENTS: usize = 64;
/// The time for which a client that only asks keeps its place.
const TENURE: Duration = Duration::from_secs(1);
/// The time that a client may take to send a request or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The factor by which it may take longer for a part of an answer: somebody may read `vrrpctl watch` page by page.
const MORE_PATIENCE: u32 = 6;

/// The time from one client to the next; more wait in the kernel. So they cost little, however many come and go.
const CLIENT: Duration = Duration::from_millis(1);
/// A request that comes soon after a quiet time is taken at once.
const BURST: Duration = Duration::from_millis(100);

/// The period at which a client is told that its request is not forgotten: it waits longer, and a client that has gone
/// is noticed.
const STILL_AT_IT: Duration = Duration::from_secs(1);

/// Serves clients: asks the daemon for what they want to know, and gives it their orders. Never ends; dropping it closes all connections and removes the socket.
pub async fn serve(socket: ControlSocket, daemon: Daemon) {
    serve_with(socket, daemon, PATIENCE).await;
}

pub(super) async fn serve_with(socket: ControlSocket, daemon: Daemon, patience: Duration) {
    let mut clients = JoinSet::new();
    let mut places = Places::default();
    let (pace, share) = (Pace::new(CLIENT, BURST), Arc::new(Share::new()));
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                match accepted {
                    Ok(client) if places.make_room() => {
                        let daemon = daemon.clone();
                        let wants = Arc::new(Wants::default());
                        let (state, share) = (Arc::clone(&wants), Arc::clone(&share));
                        let task = clients.spawn(async move {
                            let (reader, writer) = client.into_split();
                            converse_with(reader, writer, &daemon, patience, &state, &share).await;
                        });
                        places.0.push(Place { task, wants, since: Instant::now() });
                    }
                    Ok(client) => {
                        let with = format!("{MAX_CLIENTS} clients are being answered");
                        // A word is all that it gets: it may be one of thousands.
                        let _ = client.try_write(&line(&Answer::new(Err(Refused::Busy { with }))));
                    }
                    Err(error) => {
                        // Mostly out of file descriptors: asking again at once would only burn a processor.
                        log!(ControlSocket, error = error.to_string(), "control socket: cannot take a client: {error}");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
                pace.turn().await;
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

/// The clients that are served, in the order in which they came.
#[derive(Debug, Default)]
struct Places(Vec<Place>);

#[derive(Debug)]
struct Place {
    task: AbortHandle,
    wants: Arc<Wants>,
    since: Instant,
}

/// The present need of a client.
#[derive(Debug, Default)]
struct Wants(AtomicU8);

impl Wants {
    /// It says nothing, or does not take its answer.
    const NOTHING: u8 = 0;
    /// It asks something.
    const ANSWER: u8 = 1;
    /// It waits for what it has ordered, or watches.
    const DEED: u8 = 2;

    fn set(&self, wants: u8) {
        self.0.store(wants, Ordering::Relaxed);
    }

    fn is(&self, wants: u8) -> bool {
        self.0.load(Ordering::Relaxed) == wants
    }
}

impl Places {
    /// Makes room for one more, if need be at the cost of another. Returns whether there is room.
    fn make_room(&mut self) -> bool {
        self.0.retain(|place| !place.task.is_finished());
        if self.0.len() < MAX_CLIENTS {
            return true;
        }
        let wants_nothing = |place: &Place| place.wants.is(Wants::NOTHING);
        let only_asks = |place: &Place| place.wants.is(Wants::ANSWER) && place.since.elapsed() > TENURE;
        let oldest = self.0.iter().position(wants_nothing).or_else(|| self.0.iter().position(only_asks));
        let Some(oldest) = oldest else { return false };
        self.0.remove(oldest).task.abort();
        true
    }
}

/// Answers one client until it goes, errs or exhausts our patience.
#[doc(hidden)]
pub async fn converse(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    daemon: &Daemon,
    patience: Duration,
) {
    converse_with(reader, writer, daemon, patience, &Wants::default(), &Share::new()).await;
}

async fn converse_with(
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    daemon: &Daemon,
    patience: Duration,
    state: &Wants,
    share: &Share,
) {
    let mut reader = BufReader::new(reader);
    loop {
        state.set(Wants::NOTHING);
        let request = match timeout(patience, read_request(&mut reader)).await {
            Ok(Ok(Some(line))) => protocol::read(&line),
            Ok(Ok(None)) => return,
            Ok(Err(why)) => Err(Refused::NotARequest { why }),
            Err(_) => Err(Refused::NotARequest { why: format!("no request within {} s", patience.as_secs_f64()) }),
        };
        let mut say = async |answer, patience| {
            // Who does not read may have to give way.
            state.set(Wants::NOTHING);
            let written = timeout(patience, writer.write_all(&line(&answer))).await;
            matches!(written, Ok(Ok(())))
        };
        let result = match request {
            Err(why) => Err(why),
            Ok((verb, request)) => {
                let (nexts, mut parts) = Nexts::new();
                let patience = patience * MORE_PATIENCE;
                let mut answer = pin!(async {
                    share.turn().await;
                    request.answer(daemon, &nexts).await
                });
                let wants = if request.is_question() { Wants::ANSWER } else { Wants::DEED };
                let result = loop {
                    state.set(wants);
                    let heard = tokio::select! {
                        biased;
                        Some(part) = parts.recv() => say(Answer::next(part), patience).await,
                        result = &mut answer => break result,
                        () = sleep(STILL_AT_IT) => say(Answer::pending(&verb), patience).await,
                    };
                    if !heard {
                        // What was begun goes on without its client.
                        return;
                    }
                };
                while let Ok(part) = parts.try_recv() {
                    if !say(Answer::next(part), patience).await {
                        return;
                    }
                }
                result
            }
        };
        let failed = result.is_err();
        if !say(Answer::new(result), patience).await || failed {
            return;
        }
    }
}

/// Reads the next line; `None` if the client has said all.
async fn read_request(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, String> {
    let mut request = Vec::new();
    let read = reader.take(MAX_REQUEST).read_until(b'\n', &mut request).await;
    match read.map_err(|error| error.to_string())? {
        0 => Ok(None),
        len if len as u64 == MAX_REQUEST && !request.ends_with(b"\n") => {
            Err(format!("the request is longer than {MAX_REQUEST} octets"))
        }
        _ => Ok(Some(request)),
    }
}
