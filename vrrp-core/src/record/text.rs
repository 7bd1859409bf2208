//! A recording as text: JSON lines, each with a checksum over all up to it (`docs/recording.md`).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::entry::{Encoded, Entry, Event, GroupSnapshot, Heard, Snapshot};
use super::recording::{LeftOut, Recording};
use super::words::Hex;
use crate::action::{Action, AdvertKind, Input};
use crate::config::Config;
use crate::record::shared::Arc;
use crate::time::Instant;
use crate::types::{InterfaceId, Priority, RouterId};
use crate::wire::Endpoints;

/// The version of the format that is written; older ones are read.
pub const FORMAT_VERSION: u32 = 1;

/// The beginning of every recording, of every version.
const BEGINNING: &str = "{\"recording\":{\"version\":";
/// The end of every line, of every version: this, eight digits, and the end of the object.
const CHECKSUM: &str = ",\"crc\":\"";
const CHECKSUM_DIGITS: usize = 8;

/// The reason why text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
#[non_exhaustive]
pub struct ReadError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The fault that was found.
    pub kind: ReadErrorKind,
}

/// A fault in a line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// It does not begin as a recording does.
    #[error("this is no recording: a recording begins with {BEGINNING}")]
    NotARecording,
    /// The checksum is another one.
    #[error("damaged: the checksum does not fit, here or in the line before something was changed or is missing")]
    Damaged,
    /// The end is missing.
    #[error("cut off: the last line of a recording is its end, and that is missing")]
    CutOff,
    /// Something follows the end.
    #[error("this follows the end of the recording: remove it")]
    AfterEnd,
    /// Another version of this crate wrote it.
    #[error("version {0} of the format, and this program reads versions up to {FORMAT_VERSION}: use a newer one")]
    Newer(u32),
    /// The checksum fits, but the line is none of this version.
    #[error("not understood: {0}")]
    Malformed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Recording(Head),
    Packet(PacketForm),
    Message(MessageForm),
    Entry(EntryForm),
    End { entries: usize },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    about: String,
    epoch: Option<u64>,
    names: BTreeMap<RouterId, String>,
    left_out: LeftOut,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PacketForm {
    number: usize,
    from: IpAddr,
    to: IpAddr,
    ttl: u8,
    octets: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageForm {
    number: usize,
    kind: AdvertKind,
    from: IpAddr,
    to: IpAddr,
    octets: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryForm {
    at: Instant,
    router: Option<RouterId>,
    event: EventForm,
}

/// An [`Event`]; messages by their numbers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EventForm {
    There(InterfaceId),
    Inserted(InterfaceId),
    Snapshot(Box<Snapshot>),
    GroupSnapshot(Box<GroupSnapshot>),
    Cut,
    Removed,
    Grouped(Vec<RouterId>),
    Ungrouped,
    Input(Input),
    InputToAll(Input),
    Priority(Priority),
    Reconfigured(Box<Config>),
    TxError,
    Accepted(usize),
    Ignored(usize),
    Asked(Action),
    Drained,
    Encoded(usize),
}

impl Recording {
    /// Writes it as text, line by line.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let head = Line::Recording(Head {
            version: FORMAT_VERSION,
            about: self.about.clone(),
            epoch: self.epoch,
            names: self.names.clone(),
            left_out: *self.left_out(),
        });
        let end = Line::End { entries: self.entries().len() };
        let mut numbers = Numbers::default();
        let entries = self.entries().iter().flat_map(move |entry| numbers.lines_of(entry));
        let mut seal = Seal::default();
        core::iter::once(head).chain(entries).chain(core::iter::once(end)).map(move |line| seal.line(&line))
    }

    /// Writes it as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.lines().collect()
    }

    /// Reads text. Every octet of it counts: where one is another, or is missing, this is an error.
    ///
    /// # Errors
    /// [`ReadError`], with the line.
    pub fn from_text(text: &[u8]) -> Result<Self, ReadError> {
        let mut lines = (1..).zip(text.split_inclusive(|octet| *octet == b'\n'));
        let mut seal = Seal::default();
        let at = |line: usize| move |kind| ReadError { line, kind };
        let Some((_, first)) = lines.next().filter(|(_, first)| first.starts_with(BEGINNING.as_bytes())) else {
            return Err(at(1)(ReadErrorKind::NotARecording));
        };
        let first = seal.open(first).map_err(at(1))?;
        let version = first.get(BEGINNING.len()..).and_then(|rest| rest.split(',').next()?.parse().ok());
        if let Some(newer) = version.filter(|version| *version > FORMAT_VERSION) {
            return Err(at(1)(ReadErrorKind::Newer(newer)));
        }
        let Line::Recording(head) = parse(&first).map_err(at(1))? else {
            return Err(at(1)(ReadErrorKind::NotARecording));
        };
        let mut reader = Reader::default();
        let mut last = 1;
        for (number, line) in lines {
            last = number;
            if reader.ended {
                return Err(at(number)(ReadErrorKind::AfterEnd));
            }
            if !line.ends_with(b"\n") {
                return Err(at(number)(ReadErrorKind::CutOff));
            }
            let line = seal.open(line).map_err(at(number))?;
            reader.take(parse(&line).map_err(at(number))?).map_err(at(number))?;
        }
        if !reader.ended {
            return Err(at(last + 1)(ReadErrorKind::CutOff));
        }
        let mut recording = Self::default();
        (recording.names, recording.epoch, recording.about) = (head.names, head.epoch, head.about);
        recording.set_left_out(head.left_out);
        *recording.entries_mut() = reader.entries;
        Ok(recording)
    }
}

fn parse(line: &str) -> Result<Line, ReadErrorKind> {
    serde_json::from_str(line).map_err(|error| ReadErrorKind::Malformed(error.to_string()))
}

/// The messages that were written already. They are told apart by where they are in memory.
#[derive(Default)]
struct Numbers(BTreeMap<usize, usize>);

impl Numbers {
    fn lines_of(&mut self, Entry { at, router, event }: &Entry) -> Vec<Line> {
        let mut lines = Vec::new();
        let event = match event {
            Event::There(interface) => EventForm::There(*interface),
            Event::Inserted(interface) => EventForm::Inserted(*interface),
            Event::Snapshot(snapshot) => EventForm::Snapshot(snapshot.clone()),
            Event::GroupSnapshot(group) => EventForm::GroupSnapshot(group.clone()),
            Event::Cut => EventForm::Cut,
            Event::Removed => EventForm::Removed,
            Event::Grouped(members) => EventForm::Grouped(members.clone()),
            Event::Ungrouped => EventForm::Ungrouped,
            Event::Input(input) => EventForm::Input(*input),
            Event::InputToAll(input) => EventForm::InputToAll(*input),
            Event::Priority(priority) => EventForm::Priority(*priority),
            Event::Reconfigured(config) => EventForm::Reconfigured(config.clone()),
            Event::TxError => EventForm::TxError,
            Event::Asked(action) => EventForm::Asked(*action),
            Event::Drained => EventForm::Drained,
            Event::Heard { packet, accepted } => {
                let number = self.number(Arc::as_ptr(packet) as usize, |number| {
                    lines.push(Line::Packet(PacketForm {
                        number,
                        from: packet.endpoints.source(),
                        to: packet.endpoints.destination(),
                        ttl: packet.ttl,
                        octets: Hex(&packet.octets).to_string(),
                    }));
                });
                if *accepted { EventForm::Accepted(number) } else { EventForm::Ignored(number) }
            }
            Event::Encoded(message) => {
                let number = self.number(Arc::as_ptr(message) as usize, |number| {
                    lines.push(Line::Message(MessageForm {
                        number,
                        kind: message.kind,
                        from: message.endpoints.source(),
                        to: message.endpoints.destination(),
                        octets: Hex(&message.octets).to_string(),
                    }));
                });
                EventForm::Encoded(number)
            }
        };
        lines.push(Line::Entry(EntryForm { at: *at, router: *router, event }));
        lines
    }

    fn number(&mut self, place: usize, write: impl FnOnce(usize)) -> usize {
        let next = self.0.len();
        *self.0.entry(place).or_insert_with(|| {
            write(next);
            next
        })
    }
}

#[derive(Default)]
struct Reader {
    messages: Vec<Message>,
    entries: Vec<Entry>,
    ended: bool,
}

enum Message {
    Heard(Arc<Heard>),
    Encoded(Arc<Encoded>),
}

impl Reader {
    fn take(&mut self, line: Line) -> Result<(), ReadErrorKind> {
        let malformed = |why: &str| ReadErrorKind::Malformed(why.to_owned());
        let endpoints = |from, to| Endpoints::new(from, to).ok_or_else(|| malformed("addresses of two families"));
        match line {
            Line::Recording(_) => return Err(malformed("a second beginning")),
            Line::Packet(PacketForm { number, from, to, ttl, octets }) if number == self.messages.len() => {
                let packet = Heard { endpoints: endpoints(from, to)?, ttl, octets: octets_of(&octets)? };
                self.messages.push(Message::Heard(Arc::new(packet)));
            }
            Line::Message(MessageForm { number, kind, from, to, octets }) if number == self.messages.len() => {
                let message = Encoded { kind, endpoints: endpoints(from, to)?, octets: octets_of(&octets)? };
                self.messages.push(Message::Encoded(Arc::new(message)));
            }
            Line::Packet(_) | Line::Message(_) => return Err(malformed("a message that is not the next one")),
            Line::Entry(EntryForm { at, router, event }) => {
                let event = self.event(event)?;
                self.entries.push(Entry { at, router, event });
            }
            Line::End { entries } if entries == self.entries.len() => self.ended = true,
            Line::End { .. } => return Err(malformed("not as many entries as were written")),
        }
        Ok(())
    }

    fn event(&self, event: EventForm) -> Result<Event, ReadErrorKind> {
        let unknown = || ReadErrorKind::Malformed("no such message was written before".to_owned());
        let heard = |number: usize| match self.messages.get(number) {
            Some(Message::Heard(packet)) => Ok(Arc::clone(packet)),
            _ => Err(unknown()),
        };
        Ok(match event {
            EventForm::There(interface) => Event::There(interface),
            EventForm::Inserted(interface) => Event::Inserted(interface),
            EventForm::Snapshot(snapshot) => Event::Snapshot(snapshot),
            EventForm::GroupSnapshot(group) => Event::GroupSnapshot(group),
            EventForm::Cut => Event::Cut,
            EventForm::Removed => Event::Removed,
            EventForm::Grouped(members) => Event::Grouped(members),
            EventForm::Ungrouped => Event::Ungrouped,
            EventForm::Input(input) => Event::Input(input),
            EventForm::InputToAll(input) => Event::InputToAll(input),
            EventForm::Priority(priority) => Event::Priority(priority),
            EventForm::Reconfigured(config) => Event::Reconfigured(config),
            EventForm::TxError => Event::TxError,
            EventForm::Asked(action) => Event::Asked(action),
            EventForm::Drained => Event::Drained,
            EventForm::Accepted(number) => Event::Heard { packet: heard(number)?, accepted: true },
            EventForm::Ignored(number) => Event::Heard { packet: heard(number)?, accepted: false },
            EventForm::Encoded(number) => match self.messages.get(number) {
                Some(Message::Encoded(message)) => Event::Encoded(Arc::clone(message)),
                _ => return Err(unknown()),
            },
        })
    }
}

fn octets_of(hex: &str) -> Result<Vec<u8>, ReadErrorKind> {
    let digit = |octet: &u8| (*octet as char).to_digit(16);
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    };
    let octets: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(octet).collect();
    octets.ok_or_else(|| ReadErrorKind::Malformed("octets are pairs of hexadecimal digits".to_owned()))
}

/// The checksum of all lines so far.
#[derive(Default)]
struct Seal(u32);

impl Seal {
    /// Writes a line with its checksum.
    fn line(&mut self, line: &Line) -> String {
        // It has only what can be written: strings as keys, and no numbers that are none.
        let mut text = serde_json::to_string(line).unwrap_or_default();
        text.pop();
        self.0 = crc(self.0, text.as_bytes());
        format!("{text}{CHECKSUM}{:08x}\"}}\n", self.0)
    }

    /// Takes the checksum off a line, if it is right.
    fn open(&mut self, line: &[u8]) -> Result<String, ReadErrorKind> {
        let opened = || {
            let line = line.strip_suffix(b"\"}\n")?;
            let (text, digits) = line.split_at_checked(line.len().checked_sub(CHECKSUM_DIGITS)?)?;
            let text = text.strip_suffix(CHECKSUM.as_bytes())?;
            let crc = crc(self.0, text);
            (digits == format!("{crc:08x}").as_bytes()).then_some(())?;
            Some((crc, format!("{}}}", core::str::from_utf8(text).ok()?)))
        };
        let (crc, text) = opened().ok_or(ReadErrorKind::Damaged)?;
        self.0 = crc;
        Ok(text)
    }
}

/// The CRC-32 of gzip and Ethernet, continued from the one of what came before.
fn crc(before: u32, octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < table.len() {
            let (mut value, mut bit) = (n as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    let step = |crc: u32, octet: &u8| {
        let low = usize::from(crc as u8 ^ octet);
        crc >> 8 ^ TABLE.get(low).copied().unwrap_or_default()
    };
    !octets.iter().fold(!before, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_gzip_and_goes_on() {
        assert_eq!(crc(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc(crc(0, b"1234"), b"56789"), 0xcbf4_3926);
    }
}
