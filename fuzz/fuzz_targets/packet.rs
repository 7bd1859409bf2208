//! Any octets: parse or say why not, and say the same again when written anew.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use vrrp_core::wire::{AddressList, Endpoints, Message, Packet};
use vrrp_core::{Password, Version};

const ENDS: Endpoints = Endpoints::V4 { source: Ipv4Addr::LOCALHOST, destination: Ipv4Addr::new(224, 0, 0, 18) };

fuzz_target!(|octets: &[u8]| {
    for version in [Version::V2, Version::V3] {
        let Ok(packet) = Packet::parse(version, octets, ENDS) else { continue };
        let addresses: Vec<IpAddr> = packet.addresses().collect();
        let (Some(vrid), Some(interval), Ok(list)) = (packet.vrid(), packet.interval(), AddressList::new(&addresses)) else {
            continue;
        };
        let password = packet.auth().filter(|auth| auth.kind == 1).and_then(|auth| Password::new(auth.data).ok());
        let message = Message {
            version,
            vrid,
            priority: packet.priority(),
            interval,
            password,
            addresses: list,
            checksum: packet.checksum(),
        };
        let mut out = [0; 4096];
        let len = message.write(ENDS, &mut out).unwrap();
        let again = Packet::parse(version, &out[..len], ENDS).unwrap();
        assert_eq!((again.vrid(), again.priority(), again.interval()), (packet.vrid(), packet.priority(), packet.interval()));
        assert!(again.addresses().eq(packet.addresses()));
    }
});
