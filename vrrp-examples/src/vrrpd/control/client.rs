//! `vrrpctl`'s end.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, Question, Reply, VERSION, line};
use super::socket::words;
use super::status::Status;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No socket file.
    #[error("no vrrpd on {}: there is no such socket; is vrrpd running, and with this --control?", .0.display())]
    NoSocket(PathBuf),
    /// A socket file without a daemon.
    #[error("no vrrpd on {}: the socket is there but nobody listens; vrrpd died, start it again", .0.display())]
    NobodyListens(PathBuf),
    /// Not our socket.
    #[error("not allowed to ask {}; only the user that runs vrrpd may, mostly root", .0.display())]
    NotAllowed(PathBuf),
    /// The daemon hangs.
    #[error("vrrpd on {} took the request but did not answer within {} s", .0.display(), .1.as_secs_f64())]
    NoAnswer(PathBuf, Duration),
    /// The daemon said something else.
    #[error("cannot make sense of the answer from {}: {why}; are vrrpd and vrrpctl of one release?", path.display())]
    Unintelligible {
        /// The socket's path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The daemon said no.
    #[error("vrrpd says: {0}")]
    Refused(String),
    /// The system refused.
    #[error("cannot ask vrrpd on {}: {why}", path.display())]
    System {
        /// The socket's path.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

/// Asks the daemon on `socket` for its status, waiting for `patience` at most. Blocks.
///
/// # Errors
/// Where nobody answers, or not so that it could be understood.
pub fn status(socket: &Path, patience: Duration) -> Result<Status, AskError> {
    let explain = |error: io::Error| explain(socket, patience, &error);
    let mut stream = UnixStream::connect(socket).map_err(explain)?;
    stream.set_read_timeout(Some(patience)).map_err(explain)?;
    stream.set_write_timeout(Some(patience)).map_err(explain)?;
    stream.write_all(&line(&Question { v: VERSION, verb: "status".to_owned() })).map_err(explain)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(explain)?;
    read_answer(socket, &answer)
}

/// The status in a line of the daemon on `socket`.
#[doc(hidden)]
pub fn read_answer(socket: &Path, line: &str) -> Result<Status, AskError> {
    let unintelligible = |why: String| AskError::Unintelligible { path: socket.to_owned(), why };
    if line.is_empty() {
        return Err(unintelligible("it is empty".to_owned()));
    }
    let answer: Answer<Status> = serde_json::from_str(line).map_err(|error| unintelligible(error.to_string()))?;
    match answer.result {
        _ if answer.v != VERSION => Err(unintelligible(format!("its version is {}, not {VERSION}", answer.v))),
        Reply::Ok(status) => Ok(status),
        Reply::Error(why) => Err(AskError::Refused(why)),
    }
}

fn explain(socket: &Path, patience: Duration, error: &io::Error) -> AskError {
    let path = socket.to_owned();
    // Any other file refuses the connection, too.
    let is_socket = || fs::metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    match error.kind() {
        io::ErrorKind::NotFound => AskError::NoSocket(path),
        io::ErrorKind::ConnectionRefused if !is_socket() => AskError::NoSocket(path),
        io::ErrorKind::ConnectionRefused => AskError::NobodyListens(path),
        io::ErrorKind::PermissionDenied => AskError::NotAllowed(path),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::NoAnswer(path, patience),
        _ => AskError::System { path, why: words(error) },
    }
}
