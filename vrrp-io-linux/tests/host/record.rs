//! What a driver remembers, done once more by the core.

use std::time::SystemTime;

use vrrp_core::record::{Event, Recording};
use vrrp_core::{Action, Input, Role};

use crate::common::*;

const VIP: &str = "192.0.2.100";

fn transitions(recording: &Recording) -> Vec<(Role, Role)> {
    let transition = |event: &Event| match event {
        Event::Asked(Action::StateChanged(change)) => Some((change.from, change.to)),
        _ => None,
    };
    recording.entries().iter().filter_map(|entry| transition(&entry.event)).collect()
}

#[test]
fn what_happened_on_a_host_comes_out_of_the_core_again_octet_by_octet() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let mut master = host.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_role(Role::Master);
        let mut backup = peer.start(vec![router(fast(100, &[address(VIP)]))]);
        backup.until_role(Role::Backup);
        eventually("the Master is heard", || backup.status().last_advertisement_from == Some(host.address()));

        let recording = run(master.vrrp().record()).unwrap().unwrap();
        let replayed = recording.replay().unwrap();
        assert_eq!((replayed.skipped, replayed.agreed), (0, recording.entries().len()));
        assert!(replayed.advertisements > 0 && replayed.actions > 3, "{replayed:?}");
        assert_eq!(transitions(&recording), [(Role::Initialize, Role::Backup), (Role::Backup, Role::Master)]);
        assert_eq!(recording.names.values().collect::<Vec<_>>(), ["eth0/51"]);
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let last = recording.entries().last().unwrap().at.as_nanos() + recording.epoch.unwrap();
        assert!(since_epoch - u128::from(last) < 60_000_000_000);

        host.ip("link set eth0 down");
        backup.until_role(Role::Master);
        let recording = run(backup.vrrp().record()).unwrap().unwrap();
        let replayed = recording.replay().unwrap();
        assert_eq!(replayed.skipped, 0, "{replayed:?}");
        assert_eq!(transitions(&recording).last(), Some(&(Role::Backup, Role::Master)));
        let heard = |event: &Event| matches!(event, Event::Heard { accepted: true, .. });
        assert!(recording.entries().iter().any(|entry| heard(&entry.event)));

        // Off, and on again: what runs is followed from there on.
        run(backup.vrrp().set_recorder_size(0)).unwrap();
        assert!(run(backup.vrrp().record()).unwrap().is_none());
        run(backup.vrrp().set_recorder_size(4096)).unwrap();
        let sent = backup.status().stats.advert_sent;
        eventually("it goes on", || backup.status().stats.advert_sent > sent + 1);
        let recording = run(backup.vrrp().record()).unwrap().unwrap();
        let replayed = recording.replay().unwrap();
        let is_timer = |event: &Event| matches!(event, Event::Input(Input::Timeout));
        assert!(recording.entries().iter().any(|entry| is_timer(&entry.event)) && replayed.advertisements > 0);
    });
}
