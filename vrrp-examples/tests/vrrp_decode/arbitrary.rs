//! No input stops the decoder, and whatever it prints is JSON.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_examples::decode::{self, Format};

use super::capture::{LINKS, LITTLE, STYLES, packets, pcapng, refused};
use super::gzip::gzip;
use super::tunnel::TUNNELS;
use super::{parse, peers};

/// Decodes in both formats, and reads the output back.
fn survives(capture: &[u8]) {
    for format in [Format::Json, Format::Text] {
        let mut out = Vec::new();
        let _ = decode::decode(capture, &mut out, format);
        if format == Format::Json {
            parse(&out);
        }
    }
}

fn links() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(9),
        Just(12),
        Just(50),
        Just(51),
        Just(100),
        Just(101),
        Just(104),
        Just(107),
        Just(108),
        Just(113),
        Just(228),
        Just(229),
        Just(276),
        any::<u32>()
    ]
}

/// Contents that get far: enhanced and simple packet blocks of the first interface, and anything.
fn block() -> impl Strategy<Value = (u32, Vec<u8>)> {
    let octets = || {
        vec(any::<u8>(), 0..120).prop_map(|mut octets| {
            octets.resize(octets.len().next_multiple_of(4), 0);
            octets
        })
    };
    let packet = (octets(), any::<[u8; 8]>(), any::<bool>()).prop_map(|(data, time, big_endian)| {
        let length = data.len() as u32;
        let length = if big_endian { length.to_be_bytes() } else { length.to_le_bytes() };
        (6, [&[0; 4][..], &time, &length, &length, &data].concat())
    });
    prop_oneof![packet, octets().prop_map(|octets| (3, octets)), (0..12_u32, octets()), (any::<u32>(), octets())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_as_a_file(octets in vec(any::<u8>(), 0..400), mark in 0..5_usize) {
        const MARKS: [&[u8]; 5] =
            [&[], &[0xd4, 0xc3, 0xb2, 0xa1], &[0xa1, 0xb2, 0x3c, 0x4d], &[10, 13, 13, 10], &[0x1f, 0x8b, 8, 0]];
        survives(&[MARKS[mark], &octets].concat());
    }

    #[test]
    fn any_octets_as_frames(link in links(), frames in vec(vec(any::<u8>(), 0..120), 0..5), style in 0..4_usize) {
        survives(&STYLES[style].pcap(link, &frames));
    }

    #[test]
    fn any_blocks(
        big_endian: bool, link in links(), resolution: u8, blocks in vec(block(), 0..5), tail in vec(any::<u8>(), 0..40)
    ) {
        let mut file = pcapng(big_endian, link as u16, resolution, &blocks);
        file.extend(tail);
        survives(&file);
    }

    #[test]
    fn any_damage_to_a_packet(link in 0..LINKS.len(), packet: prop::sample::Index, damage in vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
        let mut frame = packet.get(&LINKS[link].frames(&[packets(), refused()].concat())).clone();
        damage.iter().for_each(|(at, octet)| *at.get_mut(&mut frame) = *octet);
        survives(&LITTLE.pcap(LINKS[link].number, &[frame]));
    }

    #[test]
    fn any_damage_to_a_tunnel(
        wraps in vec(0..TUNNELS.len(), 1..12), packet: prop::sample::Index,
        damage in vec(any::<(prop::sample::Index, u8)>(), 0..4), keep: prop::sample::Index
    ) {
        let all = packets();
        let mut packet = packet.get(&all).clone();
        wraps.iter().for_each(|tunnel| packet = (TUNNELS[*tunnel].wrap)(&packet));
        damage.iter().for_each(|(at, octet)| *at.get_mut(&mut packet) = *octet);
        packet.truncate(keep.index(packet.len() * 2));
        survives(&LITTLE.pcap(101, &[packet]));
    }

    #[test]
    fn any_damage_to_a_compressed_capture(
        file: prop::sample::Index, damage in vec(any::<(prop::sample::Index, u8)>(), 0..4), keep: prop::sample::Index
    ) {
        let mut compressed = gzip(&fs::read(file.get(&peers())).unwrap());
        damage.iter().for_each(|(at, octet)| *at.get_mut(&mut compressed) = *octet);
        compressed.truncate(keep.index(compressed.len() * 2));
        survives(&compressed);
    }

    #[test]
    fn any_damage_to_a_capture(file: prop::sample::Index, damage in vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
        let mut capture = fs::read(file.get(&peers())).unwrap();
        damage.iter().for_each(|(at, octet)| *at.get_mut(&mut capture) = *octet);
        survives(&capture);
    }
}
