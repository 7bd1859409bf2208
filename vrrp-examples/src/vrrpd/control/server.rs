//! The daemon's end: many clients, each with a task of its own, none able to hold up another or the daemon.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::protocol::{self, Answer, line};
use super::snapshot::Snapshot;
use super::socket::ControlSocket;

/// The longest request, its end of line included.
const MAX_REQUEST: u64 = 64 * 1024;
/// Clients served side by side; more wait for one to go.
const MAX_CLIENTS: usize = 64;
/// How long a client may take to send a request or to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the daemon is asked for all that it knows. Dropping one of the senders tells a client that the daemon is about to
/// stop.
pub type Snapshots = mpsc::Sender<oneshot::Sender<Snapshot>>;

/// Serves clients and asks the daemon for what they want to know. Never ends; dropping it closes all connections and removes the socket.
pub async fn serve(socket: ControlSocket, snapshots: Snapshots) {
    serve_with(socket, snapshots, PATIENCE).await;
}

pub(super) async fn serve_with(socket: ControlSocket, snapshots: Snapshots, patience: Duration) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                Ok(client) => {
                    let snapshots = snapshots.clone();
                    clients.spawn(async move {
                        let (reader, writer) = client.into_split();
                        converse(reader, writer, &snapshots, patience).await;
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
    snapshots: &Snapshots,
    patience: Duration,
) {
    let mut reader = BufReader::new(reader);
    loop {
        let result = match timeout(patience, read_request(&mut reader)).await {
            Ok(Ok(Some(request))) => answer(&request, snapshots).await,
            Ok(Ok(None)) => return,
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no request within {} s", patience.as_secs_f64())),
        };
        let failed = result.is_err();
        let written = timeout(patience, writer.write_all(&line(&Answer::new(result)))).await;
        if failed || !matches!(written, Ok(Ok(()))) {
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

async fn answer(request: &[u8], snapshots: &Snapshots) -> Result<Value, String> {
    let request = protocol::read(request)?;
    let stopping = || "vrrpd is about to stop".to_owned();
    let (reply, snapshot) = oneshot::channel();
    snapshots.send(reply).await.map_err(|_| stopping())?;
    let snapshot = snapshot.await.map_err(|_| stopping())?;
    request.answer(&snapshot).map_err(|error| error.to_string())
}
