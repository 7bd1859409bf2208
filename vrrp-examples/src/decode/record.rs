//! The record of a packet, as a line of text or of JSON.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use vrrp_core::wire::{ChecksumForm, Dump};

use super::capture::Time;
use super::ip::Datagram;
use super::layers::Found;
use super::problem::Problem;
use super::verdict::verdict;

/// Octets of a message before its addresses.
const HEADER: usize = 8;

/// One line of output.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Record<'a> {
    Packet(Box<Packet<'a>>),
    /// A packet that cannot be decoded.
    Error {
        frame: u64,
        error: String,
    },
}

/// A VRRP packet.
#[derive(Debug, Serialize)]
pub(super) struct Packet<'a> {
    frame: u64,
    #[serde(serialize_with = "exact")]
    time: Option<Time>,
    /// Tunnels, and an authentication header.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    within: Vec<&'static str>,
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    version: u8,
    r#type: u8,
    /// This and what follows may be missing in a message that ends early.
    vrid: Option<u8>,
    priority: Option<u8>,
    adver_int_cs: Option<u16>,
    /// Version 3 has none.
    auth_type: Option<u8>,
    addresses: Vec<IpAddr>,
    /// Octets that the message should have and has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<usize>,
    checksum: Checksum,
    verdict: String,
    #[serde(skip)]
    dump: Dump<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Checksum {
    /// Right over the message alone.
    Ok,
    /// Right over pseudo-header and message: always so over IPv6.
    OkPseudoHeader,
    Bad,
    /// Octets are missing that it covers.
    Unknown,
}

impl<'a> Record<'a> {
    /// Makes the record of a datagram in a frame of a capture.
    pub(super) fn new(frame: u64, time: Option<Time>, found: Found<'a>) -> Self {
        match Packet::read(frame, time, found) {
            Ok(packet) => Self::Packet(Box::new(packet)),
            Err(problem) => Self::Error { frame, error: problem.to_string() },
        }
    }
}

impl<'a> Packet<'a> {
    fn read(frame: u64, time: Option<Time>, Found { datagram, within }: Found<'a>) -> Result<Self, Problem> {
        let Datagram { endpoints, ttl, authenticated, payload } = datagram;
        let dump = Dump::new(payload, endpoints, ttl);
        let had = payload.len();
        let (Some(found), Some(kind)) = (dump.version(), dump.kind()) else {
            return Err(Problem::Message { had, needed: HEADER });
        };
        if let (true, Some(vhid), Some(skew)) = (dump.is_carp(), dump.vrid(), dump.priority()) {
            return Err(Problem::Carp { sender: endpoints.source(), vhid, skew });
        }
        let version = dump.layout().ok_or(Problem::Version(found))?;
        let missing = dump.needed().unwrap_or(HEADER).checked_sub(had).filter(|missing| *missing > 0);
        Ok(Self {
            frame,
            time,
            within,
            src: endpoints.source(),
            dst: endpoints.destination(),
            ttl,
            version: found,
            r#type: kind,
            vrid: dump.vrid(),
            priority: dump.priority(),
            adver_int_cs: dump.interval_centis(),
            auth_type: dump.auth_type(),
            addresses: dump.addresses().collect(),
            missing,
            checksum: match dump.checksum_form() {
                Some(ChecksumForm::Message) => Checksum::Ok,
                Some(ChecksumForm::PseudoHeader) => Checksum::OkPseudoHeader,
                None if missing.is_some() => Checksum::Unknown,
                None => Checksum::Bad,
            },
            verdict: match verdict(version, endpoints, ttl, authenticated, payload) {
                Ok(()) => "accept".to_owned(),
                Err(why) => why.to_string(),
            },
            dump,
        })
    }
}

/// Writes a number with all its decimals: a floating point number would lose the last ones.
fn exact<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    let number = time.map(|time| RawValue::from_string(time.to_string())).transpose();
    number.map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// A line for people.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(packet) => {
                write!(f, "{} ", packet.frame)?;
                if let Some(time) = packet.time {
                    write!(f, "{time} ")?;
                }
                if !packet.within.is_empty() {
                    write!(f, "in {}: ", packet.within.join(", "))?;
                }
                write!(f, "{}: {}", packet.dump, packet.verdict)
            }
            Self::Error { frame, error } => write!(f, "{frame} error: {error}"),
        }
    }
}
