//! `vrrpctl`'s end.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::protocol::{Answer, Question, Reply, VERSION, line};
use super::refused::Refused;
use super::socket::words;
use super::verb::Verb;
use super::verbs::{Printed, Request};

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No socket file.
    #[error("no vrrpd on {}: there is no such socket; is vrrpd running, and with this --control?", .0.display())]
    NoSocket(PathBuf),
    /// A socket file without a daemon.
    #[error("no vrrpd on {}: the socket is there but nobody listens; vrrpd died, start it again", .0.display())]
    NobodyListens(PathBuf),
    /// Not our socket.
    #[error("not allowed to ask {}; only the user that runs vrrpd may, usually root", .0.display())]
    NotAllowed(PathBuf),
    /// The daemon hangs.
    #[error("vrrpd on {} took the request but did not answer within {} s", .0.display(), .1.as_secs_f64())]
    NoAnswer(PathBuf, Duration),
    /// The daemon ended in the middle of an answer.
    #[error("vrrpd on {} ended without an answer: it was killed, or the connection was cut; `vrrpctl status` shows if it runs", .0.display())]
    Ended(PathBuf),
    /// The daemon said something else.
    #[error("cannot understand the answer from {}: {why}; are vrrpd and vrrpctl of the same release?", path.display())]
    Unintelligible {
        /// The socket's path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The daemon said no.
    #[error("vrrpd says: {text}")]
    Refused {
        /// The message of vrrpd.
        text: String,
        /// The refusal for programs, if its release says so.
        why: Option<Box<Refused>>,
    },
    /// The system refused.
    #[error("cannot ask vrrpd on {}: {why}", path.display())]
    System {
        /// The socket's path.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

impl AskError {
    /// Returns it as JSON, like the answer to `request`: `{"error":"...","refused":{"kind":"..."}}`.
    #[must_use]
    pub fn json(&self, request: &Request) -> String {
        let (text, why) = match self {
            Self::Refused { text, why } => (text.clone(), why.as_ref()),
            _ => (self.to_string(), None),
        };
        let mut object = json!({ "error": text });
        if let Some(why) = why {
            object["refused"] = json!(why);
        }
        if request.is_stream() { format!("{object}\n") } else { format!("{object:#}\n") }
    }
}

/// Asks the daemon on `socket`, waiting for `patience` at most for each sign of life. Blocks.
///
/// # Errors
/// Where nobody answers, or not so that it could be understood.
pub fn ask<V: Verb + Into<Request>>(socket: &Path, verb: V, patience: Duration) -> Result<V::Answer, AskError> {
    let stray = |_| Err(unintelligible(socket, "it has several parts".to_owned()));
    read_answer(socket, &exchange(socket, &Question::new(verb), patience, stray)?.unwrap_or_default())
}

/// Does the same with any verb. Returns the answer as it is printed, as text or as JSON, and if it is a good one. The parts
/// before the answer go to `out`, which returns true if it wants more.
///
/// # Errors
/// Nobody answers, or the answer cannot be understood.
pub fn print(
    socket: &Path,
    request: &Request,
    json: bool,
    patience: Duration,
    mut out: impl FnMut(&str) -> bool,
) -> Result<Printed, AskError> {
    let not_understood = |error: serde_json::Error| unintelligible(socket, error.to_string());
    let exchanged = exchange(socket, &Question::new(request.clone()), patience, |next| {
        Ok(out(&request.print_next(&next, json).map_err(not_understood)?))
    });
    match exchanged? {
        None => Ok(Printed { text: String::new(), succeeded: true }),
        Some(line) => request.print(value(socket, &line)?, json).map_err(not_understood),
    }
}

/// Returns the answer in a line of the daemon on `socket`.
#[doc(hidden)]
pub fn read_answer<T: DeserializeOwned>(socket: &Path, line: &str) -> Result<T, AskError> {
    serde_json::from_value(value(socket, line)?).map_err(|error| unintelligible(socket, error.to_string()))
}

/// Sends a question; returns the line that answers it. `None`: `part`, which takes what comes before, wants no more.
fn exchange(
    socket: &Path,
    question: &Question,
    patience: Duration,
    mut part: impl FnMut(Value) -> Result<bool, AskError>,
) -> Result<Option<String>, AskError> {
    let explain = |error: io::Error| explain(socket, patience, &error);
    let mut stream = UnixStream::connect(socket).map_err(explain)?;
    stream.set_read_timeout(Some(patience)).map_err(explain)?;
    stream.set_write_timeout(Some(patience)).map_err(explain)?;
    match stream.write_all(&line(question)) {
        // A daemon that closes at once may have given its reason.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(explain)?,
    }
    let mut stream = BufReader::new(stream);
    loop {
        let mut answer = String::new();
        let len = match stream.read_line(&mut answer) {
            // What it had said may be lost, and that it ended is all that is known.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read.map_err(explain)?,
        };
        if len == 0 {
            return Err(AskError::Ended(socket.to_owned()));
        }
        match serde_json::from_str(&answer) {
            Ok(Answer { result: Reply::Pending(_), .. }) => {}
            Ok(Answer { result: Reply::Next(next), v: VERSION, .. }) => {
                if !part(next)? {
                    return Ok(None);
                }
            }
            // Whoever reads the answer says what is wrong with it.
            _ => return Ok(Some(answer)),
        }
    }
}

fn value(socket: &Path, line: &str) -> Result<Value, AskError> {
    if line.is_empty() {
        return Err(unintelligible(socket, "it is empty".to_owned()));
    }
    let answer: Answer = serde_json::from_str(line).map_err(|error| unintelligible(socket, error.to_string()))?;
    match answer.result {
        _ if answer.v != VERSION => Err(unintelligible(socket, format!("its version is {}, not {VERSION}", answer.v))),
        Reply::Ok(payload) => Ok(payload),
        Reply::Error(text) => Err(AskError::Refused { text, why: answer.refused.map(Box::new) }),
        Reply::Pending(_) | Reply::Next(_) => Err(unintelligible(socket, "it is not complete".to_owned())),
    }
}

fn unintelligible(socket: &Path, why: String) -> AskError {
    AskError::Unintelligible { path: socket.to_owned(), why }
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
