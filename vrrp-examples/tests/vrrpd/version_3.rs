//! Version 3 over IPv4: what is on the wire, and how soon a silent Master is replaced.

use crate::common::{Lan, in_namespace, until};

fn configuration(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             version 3
             advert_int 0.1
             priority {priority}
             {lines}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}"
    )
}

/// The checksum of RFC 1071, without the complement: 0xffff where it was right.
fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let sum: u32 = words.sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    u16::try_from((folded >> 16) + (folded & 0xffff)).unwrap()
}

#[test]
fn the_checksum_has_a_pseudo_header_as_keepalived_sends_it_unless_it_is_told_otherwise() {
    in_namespace(|| {
        let lan = Lan::new();
        for (number, lines, pseudo) in [(1, "", true), (2, "v3_checksum_as_v2", false)] {
            let host = lan.host(number);
            let daemon = host.vrrpd(&configuration(255, lines));
            let adverts = || lan.wire().adverts(number);
            until("three advertisements", || adverts().len() >= 3);
            daemon.terminate();
            for advert in adverts() {
                let message = &advert.message;
                assert_eq!((message[0], message.len()), (0x31, 12), "version 3, type 1, one address");
                assert_eq!([message[4], message[5]], [0, 10], "ten hundredths of a second");
                let length = u8::try_from(message.len()).unwrap();
                let header = [&advert.source.octets()[..], &advert.destination.octets()[..], &[0, 112, 0, length]];
                let with_header = sum(&[&header.concat()[..], message].concat());
                let expected = if pseudo { (0xffff, false) } else { (0xffff, true) };
                let right = if pseudo { with_header } else { sum(message) };
                assert_eq!((right, sum(message) == 0xffff), expected);
            }
        }
    });
}

#[test]
fn either_form_is_understood_and_a_silent_master_is_replaced_in_a_third_of_a_second() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let better = first.vrrpd(&configuration(254, "v3_checksum_as_v2"));
        better.until_is("VI_1", "Master");
        let worse = second.vrrpd(&configuration(200, ""));
        until("the Master is heard", || worse.router("VI_1").master.is_some());
        assert!(worse.is("VI_1", "Backup"));
        better.kill();
        worse.until_is("VI_1", "Master");
        worse.until_logged("the Master 192.0.2.1 was silent for 0.");

        // Back again, it preempts, and is heard.
        let better = first.vrrpd(&configuration(254, "v3_checksum_as_v2"));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Backup");
    });
}
