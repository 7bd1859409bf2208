//! Whole frames: held to what another library composes, and read back whatever the octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::icmpv6::{NeighborAdvertisementHeader, NeighborSolicitationPayload};
use etherparse::igmp::{GroupAddress, MembershipReportV2Type, MembershipReportV3Header};
use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv6Type, IgmpType, IpDscp, IpHeaders, IpNumber, Ipv4Header,
    Ipv6FlowLabel, Ipv6Header, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
};
use proptest::prelude::*;
use vrrp_core::wire::{
    self, AddressList, BufferTooSmall, ChecksumForm, Endpoints, Frame, IP_PROTOCOL, Message, NA_FRAME_LEN,
};
use vrrp_core::{
    Action, AdvertInterval, Config, Family, Input, Instant, Priority, Profile, RxPacket, Version, VirtualRouter, Vrid,
};

const MAC: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x01, 0x07];
const ASKER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x09];
const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

fn v4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xab, last)
}

fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

/// The headers that an independent library makes.
fn composed(source_mac: [u8; 6], destination_mac: [u8; 6], endpoints: Endpoints, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2(source_mac, destination_mac);
    let packet = match endpoints {
        Endpoints::V4 { source, destination } => {
            let mut header =
                Ipv4Header::new(0, ttl, IpNumber(IP_PROTOCOL), source.octets(), destination.octets()).unwrap();
            header.dscp = IpDscp::CS6;
            ethernet.ip(IpHeaders::Ipv4(header, Default::default()))
        }
        Endpoints::V6 { source, destination } => ethernet.ip(IpHeaders::Ipv6(
            Ipv6Header {
                traffic_class: 0xc0,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: 0,
                next_header: IpNumber(IP_PROTOCOL),
                hop_limit: ttl,
                source: source.octets(),
                destination: destination.octets(),
            },
            Default::default(),
        )),
    };
    let mut frame = Vec::new();
    packet.write(&mut frame, IpNumber(IP_PROTOCOL), payload).unwrap();
    frame
}

fn message(version: Version, addresses: &[IpAddr]) -> Message<'_> {
    Message {
        version,
        vrid: Vrid::new(7).unwrap(),
        priority: Priority::new(150).ok(),
        interval: AdvertInterval::from_secs(1).unwrap(),
        password: None,
        addresses: AddressList::new(addresses).unwrap(),
        checksum: ChecksumForm::PseudoHeader,
    }
}

fn written(frame: &Frame, message: &Message<'_>) -> Vec<u8> {
    let mut out = [0xee; 1514];
    let len = frame.write(&mut out, |endpoints, octets| message.write(endpoints, octets)).unwrap();
    assert!(out[len..].iter().all(|octet| *octet == 0xee), "nothing is written behind the frame");
    out[..len].to_vec()
}

#[test]
fn the_frame_of_an_advertisement_is_what_another_library_composes() {
    let cases = [
        (Version::V2, IpAddr::V4(v4(251)), vec![IpAddr::V4(v4(1))], [0x01, 0x00, 0x5e, 0, 0, 18]),
        (Version::V3, IpAddr::V4(v4(251)), vec![v4(1).into(), v4(2).into()], [0x01, 0x00, 0x5e, 0, 0, 18]),
        (Version::V3, link_local(9).into(), vec![link_local(1).into(), v6(1).into()], [0x33, 0x33, 0, 0, 0, 0x12]),
    ];
    for (version, source, addresses, group) in cases {
        let message = message(version, &addresses);
        let frame = Frame::multicast(MAC, source);
        let mut payload = [0; 1500];
        let len = message.write(frame.endpoints, &mut payload).unwrap();
        assert_eq!(written(&frame, &message), composed(MAC, group, frame.endpoints, 255, &payload[..len]));

        // To one peer, which has another checksum in version 3.
        let to_one = Frame { endpoints: Endpoints::new(source, addresses[0]).unwrap(), ..frame }.to_mac(ASKER);
        let len = message.write(to_one.endpoints, &mut payload).unwrap();
        assert_eq!(written(&to_one, &message), composed(MAC, ASKER, to_one.endpoints, 255, &payload[..len]));
    }
}

#[test]
fn a_frame_says_how_much_room_it_needs() {
    let addresses = [IpAddr::V4(v4(1))];
    let message = message(Version::V3, &addresses);
    let frame = Frame::multicast(MAC, v4(251).into());
    let write = |out: &mut [u8]| frame.write(out, |endpoints, octets| message.write(endpoints, octets));
    assert_eq!(write(&mut [0; 46]), Ok(46));
    assert_eq!(write(&mut [0; 45]), Err(BufferTooSmall { needed: 46, had: 45 }));
    assert_eq!(write(&mut [0; 33]), Err(BufferTooSmall { needed: 46, had: 33 }));
    // A closure that claims more than it was given.
    assert_eq!(frame.write(&mut [0; 46], |_, _| Ok(13)), Err(BufferTooSmall { needed: 47, had: 46 }));
    let mut large = vec![0; 1 << 17];
    let all = |_, octets: &mut [u8]| Ok(octets.len());
    assert_eq!(frame.write(&mut large, all), Ok(14 + 65_535), "what the length field of IPv4 can say");
}

#[test]
fn only_groups_have_multicast_macs() {
    let mac = |group: &str| wire::multicast_mac(group.parse().unwrap());
    assert_eq!(mac("224.0.0.18"), Some([0x01, 0x00, 0x5e, 0, 0, 18]));
    assert_eq!(mac("239.255.1.2"), Some([0x01, 0x00, 0x5e, 0x7f, 1, 2]));
    assert_eq!(mac("ff02::12"), Some([0x33, 0x33, 0, 0, 0, 0x12]));
    assert_eq!(mac("ff02::1:ffab:cdef"), Some([0x33, 0x33, 0xff, 0xab, 0xcd, 0xef]));
    assert_eq!((mac("192.0.2.1"), mac("2001:db8::1"), mac("255.255.255.255")), (None, None, None));
    let group: Ipv6Addr = "ff02::1:ffab:1".parse().unwrap();
    assert_eq!(wire::solicited_node(v6(1)), group);
}

#[test]
fn a_router_takes_what_another_one_sent_as_frames() {
    let address = IpAddr::V4(v4(1));
    let config = |priority| {
        let config = Config::new(Profile::Rfc3768, Vrid::new(7).unwrap(), &[address]).unwrap();
        config.with_priority(Priority::new(priority).unwrap())
    };
    let started = |priority, own: Ipv4Addr| {
        let mut router = VirtualRouter::new(config(priority));
        router.handle(Instant::ZERO, Input::PrimaryAddress(Some(own.into())));
        router.handle(Instant::ZERO, Input::Startup);
        router
    };
    let (mut master, mut backup) = (started(200, v4(251)), started(100, v4(252)));
    let deadline = master.deadline().unwrap();
    master.handle(deadline, Input::Timeout);
    let Some(Action::SendAdvertisement(kind)) = master.poll_action() else { panic!("no advertisement") };
    let mut out = [0; 1514];
    let frame = Frame::multicast(master.config().virtual_mac(), v4(251).into());
    // Whatever pads a short frame is none of the advertisement.
    frame.write(&mut out, |endpoints, octets| master.encode(kind, endpoints, octets)).unwrap();
    let before = backup.deadline();
    let accepted = backup.handle_packet(deadline, RxPacket::from_frame(&out[..64]).unwrap()).unwrap();
    assert_eq!((accepted.priority, accepted.addresses().collect::<Vec<_>>()), (Priority::new(200).ok(), vec![address]));
    assert!(backup.deadline() > before);
}

fn sample_frames() -> Vec<Vec<u8>> {
    let (vip4, vip6) = ([IpAddr::V4(v4(1))], [IpAddr::V6(link_local(1))]);
    vec![
        written(&Frame::multicast(MAC, v4(251).into()), &message(Version::V3, &vip4)),
        written(&Frame::multicast(MAC, link_local(9).into()), &message(Version::V3, &vip6)),
        request(ASKER, v4(9), v4(1)),
        solicitation(link_local(9), wire::solicited_node(v6(1)), v6(1), &OPTION),
    ]
}

#[test]
fn what_is_not_a_whole_and_sound_datagram_of_the_protocol_is_no_packet() {
    for (frame, header) in sample_frames().into_iter().zip([20, 40]) {
        assert!(RxPacket::from_frame(&frame).is_some());
        for len in 0..frame.len() {
            assert_eq!(RxPacket::from_frame(&frame[..len]), None, "{len} octets of {}", frame.len());
        }
        // Type, version and length are looked at, and in IPv4 every octet of the header.
        for at in 12..14 + if header == 20 { 20 } else { 7 } {
            let mut other = frame.clone();
            other[at] ^= 0x5a;
            let says_less = header == 40 && (15..=17).contains(&at);
            assert_eq!(RxPacket::from_frame(&other).is_none(), !says_less, "octet {at} of {header}");
        }
        // A tag of a VLAN.
        let mut tagged = frame.clone();
        tagged.splice(12..12, [0x81, 0, 0, 7]);
        assert_eq!(RxPacket::from_frame(&tagged), None);
    }
}

#[test]
fn fragments_are_no_packets_and_options_are_no_payload() {
    let endpoints = Endpoints::to_group(v4(251).into());
    let framed_as = |protocol: IpNumber, change: &dyn Fn(&mut Ipv4Header)| {
        let mut header = Ipv4Header::new(0, 255, protocol, v4(251).octets(), [224, 0, 0, 18]).unwrap();
        change(&mut header);
        let mut frame = Vec::new();
        let packet = PacketBuilder::ethernet2(MAC, ASKER).ip(IpHeaders::Ipv4(header, Default::default()));
        packet.write(&mut frame, protocol, &[1, 2, 3]).unwrap();
        frame
    };
    let framed = |change| framed_as(IpNumber(IP_PROTOCOL), change);
    let read = |frame: &[u8]| RxPacket::from_frame(frame).map(|rx| (rx.endpoints, rx.ttl, rx.payload.to_vec()));
    let whole = Some((endpoints, 255, vec![1, 2, 3]));
    assert_eq!(read(&framed(&|_| {})), whole);
    assert_eq!(read(&framed(&|header| header.options = ROUTER_ALERT.into())), whole);
    assert_eq!(read(&framed(&|header| header.time_to_live = 7)), Some((endpoints, 7, vec![1, 2, 3])));
    assert_eq!(read(&framed(&|header| header.more_fragments = true)), None);
    assert_eq!(read(&framed(&|header| header.fragment_offset = 1.try_into().unwrap())), None);
    assert_eq!(read(&framed_as(IpNumber::UDP, &|_| {})), None);
}

fn arp_frame(
    operation: ArpOperation,
    to: [u8; 6],
    sender: ([u8; 6], Ipv4Addr),
    target: ([u8; 6], Ipv4Addr),
) -> Vec<u8> {
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &sender.0,
        &sender.1.octets(),
        &target.0,
        &target.1.octets(),
    );
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(sender.0, to).arp(packet.unwrap()).write(&mut frame).unwrap();
    frame
}

fn request(mac: [u8; 6], asker: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp_frame(ArpOperation::REQUEST, [0xff; 6], (mac, asker), ([0; 6], target))
}

#[test]
fn arp_is_answered_for_what_is_served_and_for_nothing_else() {
    let reply = |frame: &[u8]| wire::arp_reply(frame, MAC, |target| target == v4(1)).map(Vec::from);
    let expected = arp_frame(ArpOperation::REPLY, ASKER, (MAC, v4(1)), (ASKER, v4(9)));
    let mut padded = request(ASKER, v4(9), v4(1));
    padded.resize(60, 0);
    assert_eq!(reply(&padded).as_ref(), Some(&expected));
    // A probe of RFC 5227 asks without an address.
    let to_probe = arp_frame(ArpOperation::REPLY, ASKER, (MAC, v4(1)), (ASKER, Ipv4Addr::UNSPECIFIED));
    assert_eq!(reply(&request(ASKER, Ipv4Addr::UNSPECIFIED, v4(1))), Some(to_probe));

    assert_eq!(reply(&request(ASKER, v4(9), v4(2))), None, "not served");
    assert_eq!(reply(&request(ASKER, v4(1), v4(1))), None, "a gratuitous request asks nothing");
    assert_eq!(reply(&request([0xff; 6], v4(9), v4(1))), None, "no answer goes to everybody");
    assert_eq!(reply(&request([0; 6], v4(9), v4(1))), None);
    assert_eq!(reply(&expected), None, "a reply is no request");
    for at in 12..22 {
        let mut other = request(ASKER, v4(9), v4(1));
        other[at] ^= 0x10;
        assert_eq!(reply(&other), None, "octet {at}");
    }
    let whole = request(ASKER, v4(9), v4(1));
    assert!((0..whole.len()).all(|len| reply(&whole[..len]).is_none()));
    assert_eq!(reply(&wire::gratuitous_arp(MAC, v4(1))), None);
}

/// The source link-layer address.
const OPTION: [u8; 8] = [1, 1, ASKER[0], ASKER[1], ASKER[2], ASKER[3], ASKER[4], ASKER[5]];

fn icmpv6_frame(source: Ipv6Addr, to: Ipv6Addr, hop_limit: u8, kind: Icmpv6Type, payload: &[u8]) -> Vec<u8> {
    let mac = wire::multicast_mac(to.into()).unwrap_or(MAC);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(ASKER, mac)
        .ipv6(source.octets(), to.octets(), hop_limit)
        .icmpv6(kind)
        .write(&mut frame, payload)
        .unwrap();
    frame
}

fn solicitation(source: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    let mut payload = NeighborSolicitationPayload { target_address: target }.to_bytes().to_vec();
    payload.extend(options);
    icmpv6_frame(source, to, 255, Icmpv6Type::NeighborSolicitation, &payload)
}

fn solicited(frame: &[u8]) -> Option<[u8; NA_FRAME_LEN]> {
    wire::solicited_na(frame, MAC, |target| target == v6(1))
}

#[test]
fn a_solicitation_is_answered_as_another_parser_reads_it() {
    let all_nodes: Ipv6Addr = "ff02::1".parse().unwrap();
    let asked = wire::solicited_node(v6(1));
    let other_option = [&[14, 1, 0, 0, 0, 0, 0, 0][..], &OPTION].concat();
    // (asked how, to which MAC, to whom, solicited)
    let cases = [
        (solicitation(link_local(9), asked, v6(1), &OPTION), ASKER, link_local(9), true),
        (solicitation(link_local(9), asked, v6(1), &other_option), ASKER, link_local(9), true),
        // Reachability of a neighbour that is known, without the option.
        (solicitation(v6(9), v6(1), v6(1), &[]), ASKER, v6(9), true),
        (solicitation(Ipv6Addr::UNSPECIFIED, asked, v6(1), &[]), [0x33, 0x33, 0, 0, 0, 1], all_nodes, false),
    ];
    for (frame, to_mac, to, is_solicited) in cases {
        let answer = solicited(&frame).expect("an answer");
        let packet = SlicedPacket::from_ethernet(&answer).unwrap();
        let ethernet = packet.link.unwrap().to_header().unwrap().ethernet2().unwrap();
        assert_eq!((ethernet.source, ethernet.destination), (MAC, to_mac));
        let Some(NetSlice::Ipv6(ip)) = packet.net else { panic!("no IPv6") };
        let header = ip.header();
        assert_eq!((header.source_addr(), header.destination_addr(), header.hop_limit()), (v6(1), to, 255));
        let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else { panic!("no ICMPv6") };
        assert!(icmp.is_checksum_valid(v6(1).octets(), to.octets()));
        let flags = NeighborAdvertisementHeader { router: true, solicited: is_solicited, r#override: true };
        assert_eq!(icmp.icmp_type(), Icmpv6Type::NeighborAdvertisement(flags));
        assert_eq!(icmp.payload(), [&v6(1).octets()[..], &[2, 1], &MAC].concat());
    }
}

#[test]
fn an_unsound_solicitation_gets_no_answer() {
    let asked = wire::solicited_node(v6(1));
    let sound = solicitation(link_local(9), asked, v6(1), &OPTION);
    assert!(solicited(&sound).is_some());
    let payload = |options: &[u8]| [&v6(1).octets()[..], options].concat();
    let kind = Icmpv6Type::NeighborSolicitation;
    let to_other = solicitation(link_local(9), wire::solicited_node(v6(2)), v6(2), &OPTION);
    let multicast_target = solicitation(link_local(9), asked, "ff02::1".parse().unwrap(), &OPTION);
    let unsound = [
        ("not served", to_other),
        ("a group", multicast_target),
        ("from another link", icmpv6_frame(link_local(9), asked, 254, kind, &payload(&OPTION))),
        ("an option without a length", solicitation(link_local(9), asked, v6(1), &[1, 0, 0, 0, 0, 0, 0, 0])),
        ("half an option", solicitation(link_local(9), asked, v6(1), &OPTION[..4])),
        ("an octet of an option", solicitation(link_local(9), asked, v6(1), &[1])),
        ("duplicates, with the option", solicitation(Ipv6Addr::UNSPECIFIED, asked, v6(1), &OPTION)),
        ("duplicates, not to the group", solicitation(Ipv6Addr::UNSPECIFIED, v6(1), v6(1), &[])),
        ("from a group", solicitation("ff02::1".parse().unwrap(), asked, v6(1), &OPTION)),
        ("to nobody", solicitation(link_local(9), asked, v6(1), &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("an advertisement", wire::unsolicited_na(MAC, v6(1), v6(1)).to_vec()),
    ];
    for (why, frame) in unsound {
        assert_eq!(solicited(&frame), None, "{why}");
    }
    for at in 54..sound.len() {
        let mut other = sound.clone();
        other[at] ^= 0x11;
        assert_eq!(solicited(&other), None, "octet {at}, with a wrong checksum");
    }
    assert!((0..sound.len()).all(|len| solicited(&sound[..len]).is_none()));
}

#[test]
fn the_reports_of_igmp_are_what_another_library_composes() {
    let group = Family::GROUP_V4;
    let composed = |to: Ipv4Addr, kind: IgmpType, payload: &[u8]| {
        let mut header = Ipv4Header::new(0, 1, IpNumber::IGMP, v4(251).octets(), to.octets()).unwrap();
        (header.dscp, header.options) = (IpDscp::CS6, ROUTER_ALERT.into());
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(MAC, wire::multicast_mac(to.into()).unwrap())
            .ip(IpHeaders::Ipv4(header, Default::default()))
            .igmp(kind)
            .write(&mut frame, payload)
            .unwrap();
        frame
    };
    let v2 = IgmpType::MembershipReportV2(MembershipReportV2Type { group_address: GroupAddress::new(group.octets()) });
    assert_eq!(wire::igmp_v2_report(MAC, v4(251), group).to_vec(), composed(group, v2, &[]));
    let v3 = IgmpType::MembershipReportV3(MembershipReportV3Header { flags: [0, 0], num_of_records: 1 });
    let record = [4, 0, 0, 0, 224, 0, 0, 18];
    let all_routers = Ipv4Addr::new(224, 0, 0, 22);
    assert_eq!(wire::igmp_v3_report(MAC, v4(251), group).to_vec(), composed(all_routers, v3, &record));
}

#[test]
fn the_report_of_mld_is_sound() {
    let frame = wire::mld_report(MAC, link_local(9), Family::GROUP_V6);
    let packet = SlicedPacket::from_ethernet(&frame).unwrap();
    let ethernet = packet.link.unwrap().to_header().unwrap().ethernet2().unwrap();
    assert_eq!((ethernet.source, ethernet.destination), (MAC, [0x33, 0x33, 0, 0, 0, 0x16]));
    let Some(NetSlice::Ipv6(ip)) = packet.net else { panic!("no IPv6") };
    assert_eq!((ip.header().source_addr(), ip.header().hop_limit()), (link_local(9), 1));
    let hop_by_hop = ip.extensions().clone().into_iter().next().unwrap();
    let etherparse::Ipv6ExtensionSlice::HopByHop(options) = hop_by_hop else { panic!("no options") };
    assert_eq!((options.next_header(), options.payload()), (IpNumber::IPV6_ICMP, &[5, 2, 0, 0, 1, 0][..]));
    let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else { panic!("no ICMPv6") };
    assert!(icmp.is_checksum_valid(link_local(9).octets(), ip.header().destination()));
    assert_eq!((icmp.type_u8(), icmp.code_u8(), icmp.bytes5to8()), (143, 0, [0, 0, 0, 1]));
    assert_eq!(icmp.payload(), [&[4, 0, 0, 0][..], &Family::GROUP_V6.octets()].concat());
}

proptest! {
    #[test]
    fn every_frame_is_read_back(
        (source, mac, family) in any::<(u32, [u8; 6], bool)>(),
        hosts in prop::collection::vec(any::<u32>(), 1..=80),
        padding in 0_usize..40,
    ) {
        let v6 = |host: u32| Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(host));
        let address = |host: u32| if family { IpAddr::V4(host.into()) } else { IpAddr::V6(v6(host)) };
        let addresses: Vec<IpAddr> = hosts.into_iter().map(address).collect();
        let frame = Frame::multicast(mac, address(source));
        let message = message(Version::V3, &addresses);
        let mut octets = written(&frame, &message);
        octets.extend(vec![0; padding]);
        let mut payload = [0; 1500];
        let len = message.write(frame.endpoints, &mut payload).unwrap();
        let expected = RxPacket { endpoints: frame.endpoints, ttl: 255, payload: &payload[..len] };
        prop_assert_eq!(RxPacket::from_frame(&octets), Some(expected));
        // An independent parser finds nothing wrong with it either.
        prop_assert!(SlicedPacket::from_ethernet(&octets).is_ok());
    }

    #[test]
    fn any_octets_are_read_without_a_panic(
        sample in 0_usize..5,
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        random in any::<Vec<u8>>(),
        len in any::<prop::sample::Index>(),
    ) {
        let mut octets = sample_frames().get(sample).cloned().unwrap_or(random);
        for (at, octet) in noise {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        octets.truncate(len.index(octets.len() + 1));
        if let Some(rx) = RxPacket::from_frame(&octets) {
            prop_assert!(rx.payload.len() < octets.len());
        }
        if let Some(reply) = wire::arp_reply(&octets, MAC, |_| true) {
            prop_assert_eq!(&reply[6..12], &MAC);
        }
        if let Some(answer) = wire::solicited_na(&octets, MAC, |_| true) {
            prop_assert!(SlicedPacket::from_ethernet(&answer).is_ok());
        }
    }
}
