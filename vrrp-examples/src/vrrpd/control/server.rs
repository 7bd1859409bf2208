//! The daemon's end: many clients, each with a task of its own, none able to hold up another or the daemon.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::daemon::Daemon;
use super::protocol::{self, Answer, line};
use super::refused::Refused;
use super::socket::ControlSocket;

/// The longest request, its end of line included.
const MAX_REQUEST: u64 = 64 * 1024;
/// Clients served side by side; more wait for one to go.
const MAX_CLIENTS: usize = 64;
/// How long a client may take to send a request or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a client is told that its request is not forgotten: it waits longer, and a client that has gone is noticed.
const STILL_AT_IT: Duration = Duration::from_secs(1);

/// Serves clients: asks the daemon for what they want to know, and gives it their orders. Never ends; dropping it closes all connections and removes the socket.
pub async fn serve(socket: ControlSocket, daemon: Daemon) {
    serve_with(socket, daemon, PATIENCE).await;
}

pub(super) async fn serve_with(socket: ControlSocket, daemon: Daemon, patience: Duration) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                Ok(client) => {
                    let daemon = daemon.clone();
                    clients.spawn(async move {
                        let (reader, writer) = client.into_split();
                        converse(reader, writer, &daemon, patience).await;
                    });
                }
                Err(error) => {
                    // Mostly out of file descriptors: asking again at once would only burn a processor.
                    tracing::warn!("control socket: cannot take a client: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Answers one client until it goes, errs or exhausts our patience.
#[doc(hidden)]
pub async fn converse(
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    daemon: &Daemon,
    patience: Duration,
) {
    let mut reader = BufReader::new(reader);
    loop {
        let request = match timeout(patience, read_request(&mut reader)).await {
            Ok(Ok(Some(line))) => protocol::read(&line),
            Ok(Ok(None)) => return,
            Ok(Err(why)) => Err(Refused::NotARequest { why }),
            Err(_) => Err(Refused::NotARequest { why: format!("no request within {} s", patience.as_secs_f64()) }),
        };
        let mut say = async |answer| {
            let written = timeout(patience, writer.write_all(&line(&answer))).await;
            matches!(written, Ok(Ok(())))
        };
        let result = match request {
            Err(why) => Err(why),
            Ok((verb, request)) => {
                let mut answer = pin!(request.answer(daemon));
                loop {
                    match timeout(STILL_AT_IT, &mut answer).await {
                        Ok(result) => break result,
                        Err(_) if say(Answer::pending(&verb)).await => {}
                        // What was begun goes on without its client.
                        Err(_) => return,
                    }
                }
            }
        };
        let failed = result.is_err();
        if !say(Answer::new(result)).await || failed {
            return;
        }
    }
}

/// The next line; `None` when the client has said all.
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
