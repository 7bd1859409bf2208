//! This library beside keepalived and FRR on a wire of their own: each fails, returns and stops, and the other notices.
//!
//! Every row of the table below is a test. Every value of every column stands beside every peer that knows it at least
//! once; not every combination does. With `VRRP_CAPTURE_DIR` set, what passes the wire is written there, a file for
//! each story.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;

mod by_the_octet;
mod case;
mod frr;
mod keepalived;
mod large;
mod ours;
mod process;
mod seat;
mod stories;
mod watch;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vrrp_core::SendChecksum::{AsHeard, Message, PseudoHeader};

use case::{Case, V2, V3, V3_IPV6};
use common::{in_namespace, missing, skip};
use seat::Make::{Frr, Ours};

macro_rules! cases {
    ($($name:ident: $case:expr;)*) => {
        /// Looked up by name in the process that runs this library.
        const CASES: &[Case] = &[$(Case { name: stringify!($name), ..$case }),*];

        $(#[test]
        fn $name() {
            const CASE: Case = Case { name: stringify!($name), ..$case };
            if let Some(program) = missing(CASE.peer.programs()) {
                return skip(CASE.name, &format!("{program} is not installed"));
            }
            let _turn = turn(&CASE);
            in_namespace(|| stories::play(&CASE));
        })*
    };
}

cases! {
    keepalived_v2: V2;
    keepalived_v2_password: Case { password: true, addresses: 20, virtual_mac: true, ..V2 };
    keepalived_v3_ipv4: Case { checksum: PseudoHeader, addresses: 20, ..V3 };
    keepalived_v3_ipv4_100_ms: Case { checksum: PseudoHeader, centis: 10, virtual_mac: true, ..V3 };
    keepalived_v3_ipv4_10_ms: Case { checksum: PseudoHeader, centis: 1, ..V3 };
    keepalived_v3_ipv4_learned: Case { checksum: AsHeard, centis: 10, ..V3 };
    keepalived_v3_ipv4_unicast: Case { checksum: AsHeard, centis: 10, unicast: true, ..V3 };
    keepalived_v3_ipv6: Case { addresses: 20, ..V3_IPV6 };
    keepalived_v3_ipv6_100_ms: Case { centis: 10, virtual_mac: true, ..V3_IPV6 };
    keepalived_v3_ipv6_unicast: Case { centis: 10, unicast: true, ..V3_IPV6 };

    frr_v2: Case { peer: Frr, ..V2 };
    frr_v3_ipv4: Case { peer: Frr, checksum: PseudoHeader, addresses: 20, virtual_mac: true, ..V3 };
    frr_v3_ipv4_10_ms: Case { peer: Frr, checksum: PseudoHeader, centis: 1, ..V3 };
    frr_v3_ipv4_learned: Case { peer: Frr, checksum: AsHeard, centis: 10, ..V3 };
    frr_v3_ipv6: Case { peer: Frr, addresses: 20, ..V3_IPV6 };
    frr_v3_ipv6_100_ms: Case { peer: Frr, centis: 10, virtual_mac: true, ..V3_IPV6 };

    // Neither peer knows this form; see also `by_the_octet`.
    ours_v3_ipv4_message: Case { peer: Ours, checksum: Message, addresses: 20, virtual_mac: true, ..V3 };
    ours_v3_ipv4_message_10_ms: Case { peer: Ours, checksum: Message, centis: 1, ..V3 };
}

/// Held for writing by a case that needs the machine for itself.
static MACHINE: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "they are held, not read")]
enum Turn {
    Alone(RwLockWriteGuard<'static, ()>),
    WithOthers(RwLockReadGuard<'static, ()>),
}

/// With 10 ms between advertisements a Backup takes over after 30: no time to wait for other cases' processes.
fn turn(case: &Case) -> Turn {
    // A case that failed leaves nothing behind.
    if case.is_hasty() {
        Turn::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner))
    } else {
        Turn::WithOthers(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
    }
}
