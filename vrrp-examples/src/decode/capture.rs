//! Captures: pcap and pcapng, from any stream.
//!
//! Records are framed here, so that a stream is read no further than the record that it is at, memory grows only with
//! octets that are there, and damage has an offset. What is in a record is read by `pcap-parser`.

use std::fmt;
use std::io::{self, Read};

use pcap_parser::nom::IResult;
use pcap_parser::pcapng::{
    parse_enhancedpacketblock_be, parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_simplepacketblock_be, parse_simplepacketblock_le,
};
use pcap_parser::{LegacyPcapBlock, PcapError, PcapHeader};
use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header};

/// A record that claims more than this is damage: no writer makes one.
const MAX_RECORD: usize = 1 << 24;

/// Types of pcapng blocks. Those that are not named here are passed over.
mod block {
    /// The first octets of a file too, the same in both byte orders.
    pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    pub(super) const INTERFACE: usize = 1;
    pub(super) const SIMPLE_PACKET: usize = 3;
    pub(super) const ENHANCED_PACKET: usize = 6;
    pub(super) const OLD_PACKET: usize = 2;
    /// Counts as a frame wherever frames are numbered.
    pub(super) const JOURNAL: usize = 9;
    /// Octets of type, length, and one more word: every block has as many.
    pub(super) const HEADER: usize = 12;
    /// The octets of that word in a section header.
    pub(super) const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
    pub(super) const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
}

/// Time since the epoch, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) i128);

/// Seconds with nine decimals.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, nanos) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The link type's number.
    pub(super) link: u16,
    pub(super) time: Option<Time>,
    pub(super) octets: &'a [u8],
}

/// The next item of a capture.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    Frame(Frame<'a>),
    /// A frame in a kind of block that is not read.
    OldPacket,
    /// A line of a log, in a block that counts as a frame.
    Journal,
    End,
}

/// The reason why a stream is not a capture.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("this is neither pcap nor pcapng")]
    Unknown,
}

/// The reason why nothing after this can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("the capture ends in the middle of the record at offset {offset}: {had} of {needed} octets are there")]
    Cut { offset: u64, had: usize, needed: usize },
    #[error("the record at offset {offset} is damaged, and nothing after it can be read: {what}")]
    Record { offset: u64, what: &'static str },
    #[error("reading failed at offset {offset}: {error}")]
    Read { offset: u64, error: io::Error },
}

/// An open capture.
pub(super) struct Capture<R> {
    stream: R,
    /// The record that is being read, or was last.
    record: Vec<u8>,
    /// The offset at which it begins.
    offset: u64,
    finished: bool,
    format: Format,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Section),
}

/// The format of the records of a pcap file, from its header.
#[derive(Clone, Copy)]
struct Pcap {
    header_len: usize,
    big_endian: bool,
    /// Nanoseconds in a unit of the fraction.
    unit: i128,
    link: u16,
    parse: ParseRecord,
}

type ParseRecord = fn(&[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>>;

/// A section of a pcapng file.
#[derive(Default)]
struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

/// The format of the frames of an interface, from its description.
struct Interface {
    link: u16,
    snaplen: u32,
    resolution: u8,
    /// Seconds to add.
    offset: i64,
}

impl<R: Read> Capture<R> {
    /// Reads as much as tells the format.
    pub(super) fn open(stream: R) -> Result<Self, OpenError> {
        let format = Format::Pcapng(Section::default());
        let mut capture = Self { stream, record: Vec::new(), offset: 0, finished: false, format };
        capture.fill(block::HEADER)?;
        if capture.record.starts_with(&block::SECTION_HEADER) {
            let known = [block::BIG_ENDIAN, block::LITTLE_ENDIAN].iter().any(|mark| capture.record.ends_with(mark));
            return if known { Ok(capture) } else { Err(OpenError::Unknown) };
        }
        capture.fill(PcapHeader::new().size())?;
        let (_, header) = parse_pcap_header(&capture.record).map_err(|_| OpenError::Unknown)?;
        capture.format = Format::Pcap(Pcap::new(&header));
        capture.finished = true;
        Ok(capture)
    }

    /// Reads on up to the next frame. After an error there is nothing more.
    pub(super) fn next(&mut self) -> Result<Next<'_>, Damage> {
        match self.format {
            Format::Pcap(pcap) => self.next_record(pcap),
            Format::Pcapng(_) => self.next_block(),
        }
    }

    fn next_record(&mut self, pcap: Pcap) -> Result<Next<'_>, Damage> {
        if !self.complete(pcap.header_len)? {
            return Ok(Next::End);
        }
        let length = self.word(8, pcap.big_endian);
        if length > MAX_RECORD {
            return Err(self.damage("its length cannot be"));
        }
        self.complete(pcap.header_len + length)?;
        self.finished = true;
        match (pcap.parse)(&self.record) {
            Ok((_, LegacyPcapBlock { ts_sec, ts_usec, data, .. })) => {
                let time = Time(i128::from(ts_sec) * 1_000_000_000 + i128::from(ts_usec) * pcap.unit);
                Ok(Next::Frame(Frame { link: pcap.link, time: Some(time), octets: data }))
            }
            Err(_) => Err(self.damage("it contradicts itself")),
        }
    }

    fn next_block(&mut self) -> Result<Next<'_>, Damage> {
        while self.complete(block::HEADER)? {
            let is_section = self.record.starts_with(&block::SECTION_HEADER);
            if let (true, Format::Pcapng(section)) = (is_section, &mut self.format) {
                *section = Section { big_endian: self.record.ends_with(&block::BIG_ENDIAN), ..Section::default() };
            }
            let big_endian = matches!(&self.format, Format::Pcapng(section) if section.big_endian);
            let (kind, length) = (self.word(0, big_endian), self.word(4, big_endian));
            if !(block::HEADER..=MAX_RECORD).contains(&length) {
                return Err(self.damage("its length cannot be"));
            }
            self.complete(length)?;
            self.finished = true;
            let damaged = self.damage("it contradicts itself, or belongs to an interface that is not described");
            let Format::Pcapng(section) = &mut self.format else { return Ok(Next::End) };
            match kind {
                block::INTERFACE => section.learn(&self.record).ok_or(damaged)?,
                block::ENHANCED_PACKET => return section.enhanced(&self.record).map(Next::Frame).ok_or(damaged),
                block::SIMPLE_PACKET => return section.simple(&self.record).map(Next::Frame).ok_or(damaged),
                block::OLD_PACKET => return Ok(Next::OldPacket),
                block::JOURNAL => return Ok(Next::Journal),
                _ => {}
            }
        }
        Ok(Next::End)
    }

    /// Reads on until the record has so many octets. `false`: the stream ends before the first of them.
    fn complete(&mut self, needed: usize) -> Result<bool, Damage> {
        self.fill(needed).map_err(|error| Damage::Read { offset: self.offset, error })?;
        match self.record.len() {
            0 => Ok(false),
            had if had < needed => Err(Damage::Cut { offset: self.offset, had, needed }),
            _ => Ok(true),
        }
    }

    /// Does the same as `complete`, but the end of the stream is not an error.
    fn fill(&mut self, needed: usize) -> io::Result<()> {
        if std::mem::take(&mut self.finished) {
            self.offset += self.record.len() as u64;
            self.record.clear();
        }
        let missing = needed.saturating_sub(self.record.len());
        self.stream.by_ref().take(missing as u64).read_to_end(&mut self.record).map(drop)
    }

    fn word(&self, at: usize, big_endian: bool) -> usize {
        let octets = self.record.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        let word = if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
        usize::try_from(word).unwrap_or(usize::MAX)
    }

    fn damage(&self, what: &'static str) -> Damage {
        Damage::Record { offset: self.offset, what }
    }
}

impl Pcap {
    fn new(header: &PcapHeader) -> Self {
        let (modified, big_endian) = (header.is_modified_format(), header.is_bigendian());
        Self {
            header_len: if modified { 24 } else { 16 },
            big_endian,
            unit: if header.is_nanosecond_precision() { 1 } else { 1000 },
            link: link_number(header.network.0),
            parse: match (modified, big_endian) {
                (true, _) => parse_pcap_frame_modified,
                (false, true) => parse_pcap_frame_be,
                (false, false) => parse_pcap_frame,
            },
        }
    }
}

/// Returns the link number: the lower half of the field. The upper half is about frame check sequences.
const fn link_number(field: i32) -> u16 {
    (field & 0xffff) as u16
}

/// Each function takes a whole block; `None`: it is damaged.
impl Section {
    fn learn(&mut self, octets: &[u8]) -> Option<()> {
        let parse =
            if self.big_endian { parse_interfacedescriptionblock_be } else { parse_interfacedescriptionblock_le };
        let (_, found) = parse(octets).ok()?;
        self.interfaces.push(Interface {
            link: link_number(found.linktype.0),
            snaplen: found.snaplen,
            resolution: found.if_tsresol,
            offset: found.if_tsoffset,
        });
        Some(())
    }

    fn enhanced<'a>(&self, octets: &'a [u8]) -> Option<Frame<'a>> {
        let parse = if self.big_endian { parse_enhancedpacketblock_be } else { parse_enhancedpacketblock_le };
        let (_, found) = parse(octets).ok()?;
        let interface = self.interfaces.get(usize::try_from(found.if_id).ok()?)?;
        let time = interface.time(u64::from(found.ts_high) << 32 | u64::from(found.ts_low));
        let octets = found.data.get(..usize::try_from(found.caplen).ok()?)?;
        Some(Frame { link: interface.link, time: Some(time), octets })
    }

    fn simple<'a>(&self, octets: &'a [u8]) -> Option<Frame<'a>> {
        let parse = if self.big_endian { parse_simplepacketblock_be } else { parse_simplepacketblock_le };
        let (_, found) = parse(octets).ok()?;
        let interface = self.interfaces.first()?;
        // 0: no limit.
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let octets = found.data.get(..usize::try_from(found.origlen.min(limit)).ok()?)?;
        Some(Frame { link: interface.link, time: None, octets })
    }
}

impl Interface {
    /// Returns a time in ticks: each is a power of ten of a second or, if the upper bit of the resolution is set, of two.
    fn time(&self, ticks: u64) -> Time {
        let (ticks, exponent) = (u128::from(ticks), u32::from(self.resolution & 0x7f));
        let nanos = if self.resolution & 0x80 != 0 {
            (ticks * 1_000_000_000) >> exponent
        } else if exponent <= 9 {
            ticks * 10_u128.pow(9 - exponent)
        } else {
            10_u128.checked_pow(exponent - 9).map_or(0, |divisor| ticks / divisor)
        };
        Time(nanos as i128 + i128::from(self.offset) * 1_000_000_000)
    }
}
