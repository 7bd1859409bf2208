//! Compressed captures are read as the captures in them.

use std::fs;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use vrrp_examples::decode::{self, Error, Format};

use super::capture::{LINKS, LITTLE, packets};
use super::{lines, parse, peers};

pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A few octets at a time, as from a pipe.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(3);
        self.0.read(&mut buffer[..most])
    }
}

fn trickled(capture: &[u8]) -> Vec<Value> {
    let mut out = Vec::new();
    decode::decode(Trickle(capture), &mut out, Format::Json).unwrap();
    parse(&out)
}

#[test]
fn a_compressed_capture_says_what_it_says_uncompressed() {
    for path in peers() {
        let capture = fs::read(&path).unwrap();
        let whole = lines(&capture);
        assert_eq!(lines(&gzip(&capture)), whole, "{}", path.display());
        assert_eq!(trickled(&gzip(&capture)), whole, "{}", path.display());
        // As `cat a.gz b.gz` makes it.
        let (first, second) = capture.split_at(100);
        assert_eq!(lines(&[gzip(first), gzip(second)].concat()), whole, "{}", path.display());
    }
}

#[test]
fn a_compressed_capture_that_is_cut_or_damaged_gives_what_was_before_it() {
    let frames = LINKS[0].frames(&std::iter::repeat_n(packets(), 200).flatten().collect::<Vec<_>>());
    let capture = LITTLE.pcap(1, &frames);
    let (whole, compressed) = (lines(&capture), gzip(&capture));
    let mut wrong_sum = compressed.clone();
    let sum = compressed.len() - 8;
    wrong_sum[sum] ^= 1;
    for (what, broken, all) in [
        ("ends too early", &compressed[..compressed.len() / 2], false),
        ("ends too early", &compressed[..sum], true),
        ("is damaged", &wrong_sum, true),
    ] {
        let mut found = lines(broken);
        let last = found.pop().unwrap();
        assert!(last["error"].as_str().unwrap().contains(&format!("the compressed file {what}")), "{last}");
        assert_eq!(found, whole[..found.len()]);
        let enough = if all { whole.len() } else { whole.len() / 4 };
        assert!(found.len() >= enough, "{} of {}", found.len(), whole.len());
        found.push(last);
        assert_eq!(trickled(broken), found, "however it comes in");
    }
}

#[test]
fn what_is_compressed_and_no_capture_is_refused() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    (0..64).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
    for (compressed, says) in [
        (gzip(b"This is a letter, and not a capture."), "this is neither pcap nor pcapng"),
        (bomb.finish().unwrap(), "this is neither pcap nor pcapng"),
        (gzip(&gzip(&LITTLE.pcap(1, &[]))), "this is neither pcap nor pcapng"),
        (vec![0x1f, 0x8b, 8, 0], "the compressed file ends too early"),
        (vec![0x1f, 0x8b], "the compressed file ends too early"),
    ] {
        let found = decode::decode(&compressed[..], &mut Vec::new(), Format::Json);
        assert!(matches!(&found, Err(Error::Input(why)) if why == says), "{found:?}, not {says}");
    }
}
