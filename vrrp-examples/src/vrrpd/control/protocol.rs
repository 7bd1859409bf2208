//! The lines on the control socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refused::Refused;
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

/// The fields of every question, whatever its version and verb.
#[derive(Debug, Deserialize)]
struct Head {
    v: u64,
    verb: String,
}

/// `{"v":1,"ok":...}`, `{"v":1,"error":"...","refused":{...}}`, or, where one of these follows, `{"v":1,"pending":"drain"}` and
/// `{"v":1,"next":...}`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) v: u64,
    #[serde(flatten)]
    pub(super) result: Reply,
    /// The error for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Refused>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    Ok(Value),
    Error(String),
    /// The verb that is being carried out.
    Pending(String),
    /// A part of the answer. More may follow; the answer is the last one.
    Next(Value),
}

impl Question {
    pub(super) fn new(request: impl Into<Request>) -> Self {
        Self { v: VERSION, request: request.into() }
    }
}

impl Answer {
    pub(super) fn new(result: Result<Value, Refused>) -> Self {
        let (result, refused) = match result {
            Ok(payload) => (Reply::Ok(payload), None),
            Err(why) => (Reply::Error(why.to_string()), Some(why)),
        };
        Self { v: VERSION, result, refused }
    }

    pub(super) fn next(part: Value) -> Self {
        Self { v: VERSION, result: Reply::Next(part), refused: None }
    }

    pub(super) fn pending(verb: &str) -> Self {
        Self { v: VERSION, result: Reply::Pending(verb.to_owned()), refused: None }
    }
}

/// Reads a question, and the name of its verb.
pub(super) fn read(line: &[u8]) -> Result<(String, Request), Refused> {
    let not_a_request = |error: serde_json::Error| Refused::NotARequest {
        why: format!("not a request: {error}; expected one like {{\"v\":{VERSION},\"verb\":\"status\"}}"),
    };
    let Head { v, verb } = serde_json::from_slice(line).map_err(not_a_request)?;
    if v != VERSION {
        return Err(Refused::Version { supported: VERSION, asked: v });
    }
    let known = Request::names();
    if !known.contains(&verb) {
        return Err(Refused::UnknownVerb { verb, known });
    }
    let request = serde_json::from_slice(line).map_err(not_a_request)?;
    Ok((verb, request))
}

/// One object as a line.
pub(super) fn line(object: &impl Serialize) -> Vec<u8> {
    // These objects always serialise; were one not to, its reader would see an empty line.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}
