//! The lines on the control socket.

use serde::{Deserialize, Serialize};

/// Version of the lines. What an old reader would misunderstand gets a new one.
pub(super) const VERSION: u64 = 1;

/// `{"v":1,"verb":"status"}`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) v: u64,
    pub(super) verb: String,
}

/// `{"v":1,"ok":...}` or `{"v":1,"error":"..."}`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer<T> {
    pub(super) v: u64,
    #[serde(flatten)]
    pub(super) result: Reply<T>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply<T> {
    Ok(T),
    Error(String),
}

impl<T> Answer<T> {
    pub(super) fn new(result: Result<T, String>) -> Self {
        let result = match result {
            Ok(payload) => Reply::Ok(payload),
            Err(why) => Reply::Error(why),
        };
        Self { v: VERSION, result }
    }
}

/// One object as a line.
pub(super) fn line(object: &impl Serialize) -> Vec<u8> {
    // These objects always serialise; were one not to, its reader would see an empty line.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}
