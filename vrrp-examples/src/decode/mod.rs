//! `vrrp-decode`: what the VRRP packets of a capture say, and what a receiver makes of each.

mod capture;
mod gzip;
mod ip;
mod layers;
mod link;
mod live;
mod problem;
mod record;
mod tunnel;
mod verdict;

use std::io::{self, Read, Write};

use capture::{Capture, Next, Time};
use link::Link;
use problem::Problem;
use record::Record;

/// The form in which the packets are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of text each.
    Text,
    /// A JSON object each, a line each.
    Json,
}

/// The reason why it stopped before the end of its input.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing could be read, for this reason.
    #[error("{0}")]
    Input(String),
    /// Nothing can be written any more.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Prints the packets of a capture, compressed by gzip or not. Damage in the capture is printed too, and ends it.
///
/// # Errors
/// It is not a capture, or `out` takes nothing more.
pub fn decode(capture: impl Read, out: &mut impl Write, format: Format) -> Result<(), Error> {
    let stream = gzip::unpacked(capture).map_err(|error| Error::Input(error.to_string()))?;
    let mut capture = Capture::open(stream).map_err(|error| Error::Input(error.to_string()))?;
    let mut unknown = Vec::new();
    for frame in 1.. {
        let record = match capture.next() {
            Ok(Next::End) => break,
            Ok(Next::Journal) => None,
            Ok(Next::OldPacket) => Some(error(frame, Problem::OldPacket)),
            Ok(Next::Frame(found)) => match Link::from_number(found.link) {
                Some(link) => inspect(link, found.octets, frame, found.time),
                None if unknown.contains(&found.link) => None,
                None => {
                    unknown.push(found.link);
                    Some(error(frame, Problem::Link(found.link)))
                }
            },
            Err(damage) => {
                print(out, format, &error(frame, damage))?;
                break;
            }
        };
        if let Some(record) = record {
            print(out, format, &record)?;
        }
    }
    Ok(out.flush()?)
}

/// Prints the packets of an interface as they come. Needs CAP_NET_RAW.
///
/// # Errors
/// There is no such interface, it may not be listened to, or `out` takes nothing more.
pub fn listen(interface: &str, out: &mut impl Write, format: Format) -> Result<(), Error> {
    let mut tap = live::Tap::open(interface).map_err(|error| Error::Input(error.to_string()))?;
    for frame in 1.. {
        let found = tap.next().map_err(|error| Error::Input(error.to_string()))?;
        if let Some(record) = inspect(found.link, found.octets, frame, found.time) {
            print(out, format, &record)?;
        }
    }
    Ok(())
}

/// Returns the record of a frame; nothing if it does not carry VRRP.
fn inspect(link: Link, octets: &[u8], frame: u64, time: Option<Time>) -> Option<Record<'_>> {
    match layers::find(link, octets) {
        Ok(found) => Some(Record::new(frame, time, found?)),
        Err(problem) => Some(error(frame, problem)),
    }
}

fn error<'a>(frame: u64, why: impl ToString) -> Record<'a> {
    Record::Error { frame, error: why.to_string() }
}

fn print(out: &mut impl Write, format: Format, record: &Record<'_>) -> io::Result<()> {
    match format {
        Format::Text => writeln!(out, "{record}"),
        Format::Json => {
            serde_json::to_writer(&mut *out, record)?;
            writeln!(out)
        }
    }
}
