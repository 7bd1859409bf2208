//! What is cut says so, and changes nothing about the rest.

use std::fs;

use serde_json::{Value, json};
use vrrp_examples::decode::{self, Error, Format};

use super::capture::{LINKS, LITTLE, packets, pcapng};
use super::{lines, peers};

const HEADER: usize = 24;
const RECORD: usize = 16;

/// Captures of Ethernet, little-endian, in microseconds: those of every peer, and ours behind two tags.
fn captures() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = peers().iter().map(|path| fs::read(path).unwrap()).collect();
    all.push(LITTLE.pcap(1, &LINKS[2].frames(&packets())));
    all
}

/// Returns where the records of a capture begin, and where the last one ends.
fn bounds(capture: &[u8]) -> Vec<usize> {
    let mut bounds = vec![HEADER];
    while let Some(length) = capture.get(bounds[bounds.len() - 1] + 8..).and_then(|rest| rest.first_chunk::<4>()) {
        bounds.push(bounds[bounds.len() - 1] + RECORD + u32::from_le_bytes(*length) as usize);
    }
    bounds
}

#[test]
fn a_frame_cut_by_the_capture_is_an_error_and_no_other_frame_is() {
    for capture in captures() {
        let whole = lines(&capture);
        for (at, bound) in bounds(&capture).windows(2).enumerate() {
            let frame = &capture[bound[0] + RECORD..bound[1]];
            for len in 0..frame.len() {
                let record = [&capture[bound[0]..bound[0] + 8], &(len as u32).to_le_bytes(), &capture[bound[0] + 12..]];
                let record = &record.concat()[..RECORD + len];
                let cut = lines(&[&capture[..bound[0]], record, &capture[bound[1]..]].concat());
                assert_eq!(cut.len(), whole.len());
                for (line, expected) in cut.iter().zip(&whole) {
                    if expected["frame"] == json!(at + 1) {
                        assert_is_error(line, at + 1);
                    } else {
                        assert_eq!(line, expected, "frame {} cut to {len}", at + 1);
                    }
                }
            }
        }
    }
}

#[test]
fn a_message_cut_by_its_sender_says_what_is_there_and_what_is_missing() {
    for packet in packets() {
        let (v4, at) = if packet[0] >> 4 == 4 { (true, 20) } else { (false, 40) };
        let whole = &lines(&LITTLE.pcap(101, std::slice::from_ref(&packet)))[0];
        assert_eq!(whole.get("missing"), None);
        for len in at..packet.len() {
            let mut cut = packet[..len].to_vec();
            let total = if v4 { len } else { len - at } as u16;
            let field = if v4 { 2 } else { 4 };
            cut[field..field + 2].copy_from_slice(&total.to_be_bytes());
            // Whatever follows in the frame is padding.
            cut.extend([0xa5; 64]);
            let found = lines(&LITTLE.pcap(101, &[cut]));
            assert_eq!(found.len(), 1);
            match len - at {
                0 => assert_is_error(&found[0], 1),
                had => assert_is_part(&found[0], whole, had, packet.len() - at),
            }
        }
    }
}

/// The first octets of a message say as much as they hold of what the whole says.
fn assert_is_part(part: &Value, whole: &Value, had: usize, needed: usize) {
    let context = format!("{had} of {needed}: {part} of {whole}");
    for (field, end) in [("vrid", 2), ("priority", 3), ("auth_type", 5), ("adver_int_cs", 6)] {
        let expected = if had >= end { &whole[field] } else { &Value::Null };
        assert_eq!(&part[field], expected, "{field}: {context}");
    }
    for field in ["src", "dst", "ttl", "version", "type"] {
        assert_eq!(part[field], whole[field], "{context}");
    }
    let addresses = whole["addresses"].as_array().unwrap();
    let size = if whole["src"].as_str().unwrap().contains(':') { 16 } else { 4 };
    let complete = (had.saturating_sub(8) / size).min(addresses.len());
    assert_eq!(part["addresses"], json!(addresses[..complete]), "{context}");
    // Before the count is there nobody knows how many addresses there should be.
    let needed = if had < 4 { 8 } else { needed };
    assert_eq!((&part["missing"], &part["checksum"]), (&json!(needed - had), &json!("unknown")), "{context}");
    let said = format!("{had} octets where the message needs {}", if had < 8 { 8 } else { needed });
    let elsewhere = part["verdict"].as_str().unwrap().starts_with("sent to ");
    assert!(elsewhere || part["verdict"] == said, "{context}");
}

#[test]
fn a_file_cut_anywhere_gives_all_before_the_cut_and_one_error() {
    for capture in captures() {
        let (whole, bounds) = (lines(&capture), bounds(&capture));
        for len in HEADER..=capture.len() {
            let complete = bounds.iter().filter(|bound| **bound <= len).count() - 1;
            let cut = lines(&capture[..len]);
            let (before, after) = cut.split_at(complete);
            assert_eq!(before, &whole[..complete]);
            if bounds.contains(&len) {
                assert!(after.is_empty(), "{after:?}");
            } else {
                assert_eq!(after.len(), 1);
                assert_is_error(&after[0], complete + 1);
                let offset = format!("at offset {}", bounds[complete]);
                assert!(after[0]["error"].as_str().unwrap().contains(&offset), "{} without {offset}", after[0]);
            }
        }
        for len in 0..HEADER {
            let opened = decode::decode(&capture[..len], &mut Vec::new(), Format::Json);
            assert!(matches!(opened, Err(Error::Input(_))), "{len}: {opened:?}");
        }
    }
}

#[test]
fn so_does_pcapng() {
    const ENHANCED_PACKET: u32 = 6;
    for big_endian in [false, true] {
        let word = |word: u32| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
        let block = |frame: &Vec<u8>| {
            let mut octets = frame.clone();
            octets.resize(frame.len().next_multiple_of(4), 0);
            let length = word(frame.len() as u32);
            (ENHANCED_PACKET, [&word(0)[..], &word(7), &word(9), &length, &length, &octets].concat())
        };
        let blocks: Vec<_> = LINKS[0].frames(&packets()).iter().map(block).collect();
        let header = pcapng(big_endian, 1, 9, &[]).len();
        let mut bounds = vec![header];
        blocks.iter().for_each(|(_, body)| bounds.push(bounds[bounds.len() - 1] + 12 + body.len()));

        let capture = pcapng(big_endian, 1, 9, &blocks);
        let whole = lines(&capture);
        assert_eq!(whole.len(), blocks.len());
        for len in header..=capture.len() {
            let complete = bounds.iter().filter(|bound| **bound <= len).count() - 1;
            let cut = lines(&capture[..len]);
            assert_eq!(cut[..complete], whole[..complete]);
            assert_eq!(cut.len() - complete, usize::from(!bounds.contains(&len)));
            cut[complete..].iter().for_each(|line| assert_is_error(line, complete + 1));
        }
    }
}

pub(crate) fn assert_is_error(line: &Value, frame: usize) {
    let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((keys, &line["frame"]), (vec!["error", "frame"], &json!(frame)), "{line}");
}
