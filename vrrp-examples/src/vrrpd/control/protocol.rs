//! The lines on the control socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::verbs::Request;

/// Version of the lines. What an old reader would misunderstand gets a new one.
pub(super) const VERSION: u64 = 1;

/// `{"v":1,"verb":"status"}`, with whatever else the verb takes.
#[derive(Debug, Serialize)]
pub(super) struct Question {
    v: u64,
    #[serde(flatten)]
    request: Request,
}

/// What every question has, whatever its version and verb.
#[derive(Debug, Deserialize)]
struct Head {
    v: u64,
    verb: String,
}

/// `{"v":1,"ok":...}` or `{"v":1,"error":"..."}`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) v: u64,
    #[serde(flatten)]
    pub(super) result: Reply,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    Ok(Value),
    Error(String),
}

impl Question {
    pub(super) fn new(request: impl Into<Request>) -> Self {
        Self { v: VERSION, request: request.into() }
    }
}

impl Answer {
    pub(super) fn new(result: Result<Value, String>) -> Self {
        let result = match result {
            Ok(payload) => Reply::Ok(payload),
            Err(why) => Reply::Error(why),
        };
        Self { v: VERSION, result }
    }
}

/// Reads a question. An error says what is wrong with it, and what was expected.
pub(super) fn read(line: &[u8]) -> Result<Request, String> {
    let not_a_request = |error: serde_json::Error| {
        format!("not a request: {error}; expected one like {{\"v\":{VERSION},\"verb\":\"status\"}}")
    };
    let Head { v, verb } = serde_json::from_slice(line).map_err(not_a_request)?;
    if v != VERSION {
        return Err(format!("version {v} of the control protocol is not supported; expected version {VERSION}"));
    }
    let known = Request::names();
    if !known.contains(&verb) {
        return Err(format!("unknown verb {verb:?}; known: {}", known.join(", ")));
    }
    serde_json::from_slice(line).map_err(not_a_request)
}

/// One object as a line.
pub(super) fn line(object: &impl Serialize) -> Vec<u8> {
    // These objects always serialise; were one not to, its reader would see an empty line.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}
