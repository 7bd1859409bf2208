//! Advertisements that are larger than the link's MTU, in fragments.

use std::thread;
use std::time::Duration;

use crate::case::{Case, V3_IPV6};
use crate::common::{Lan, eventually, in_namespace, missing, skip};
use crate::seat::{Make, Seat};

/// 77 IPv6 addresses would fit.
pub(crate) const LARGE: Case = Case { name: "large", addresses: 84, ..V3_IPV6 };

#[test]
fn keepalived_and_this_library_hear_each_others_fragments() {
    if missing(Make::Keepalived.programs()).is_some() {
        return skip("keepalived_and_this_library_hear_each_others_fragments", "keepalived is not installed");
    }
    in_namespace(|| {
        let lan = Lan::new();
        let seat = |number, make| Seat::new(&LARGE, "fragments", &lan, number, make, 100);
        let mut seats = [seat(11, Make::Ours), seat(12, Make::Keepalived)];
        let last = *LARGE.virtual_ips().last().unwrap();
        for master in [0, 1] {
            let backup = 1 - master;
            (seats[master].priority, seats[backup].priority) = (200, 100);
            // keepalived advertises no more than fits when it starts, and reads nothing that is larger than its own MTU.
            seats.iter().for_each(|seat| drop(seat.host.ip("link set eth0 mtu 1500")));
            let mut first = seats[master].start();
            eventually("it is Master", || seats[master].host.has(last));
            seats[master].host.ip("link set eth0 mtu 1280");
            let mut second = seats[backup].start();
            second.until_backup();
            // Who heard nothing would be Master by now.
            thread::sleep(LARGE.down(100) + Duration::from_secs(2));
            assert!(!seats[backup].host.has(last), "{:?} does not hear: {:?}", seats[backup].make, second.complaints());
            assert_eq!([first.complaints(), second.complaints()], [Vec::<String>::new(), Vec::new()]);
            first.stop();
            eventually("the other has it", || seats[backup].host.has(last));
            second.stop();
        }
    });
}
