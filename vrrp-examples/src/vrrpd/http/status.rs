//! `/status.json`: the answer of `vrrpctl status --json`, with where and when it was given. `docs/status.schema.json` describes it.

use bytes::Bytes;
use serde::Serialize;

use crate::vrrpd::control::snapshot::Snapshot;
use crate::vrrpd::control::status::{Request, Status};
use crate::vrrpd::control::verb::Question;

/// Its JSON schema.
pub(super) const SCHEMA: &str = include_str!("../../../../docs/status.schema.json");

/// The status, with the names that a user needs who does not know which host answered.
#[derive(Serialize)]
struct Page<'a> {
    host: &'a str,
    at: String,
    #[serde(flatten)]
    status: Status,
}

pub(super) fn json(snapshot: &Snapshot) -> Bytes {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let at = humantime::format_rfc3339_millis(snapshot.taken_at).to_string();
    let page = Page { host: host.trim(), at, status: Request {}.answer(snapshot) };
    // These always serialise; were one not to, its reader would see nothing.
    serde_json::to_vec(&page).unwrap_or_default().into()
}
