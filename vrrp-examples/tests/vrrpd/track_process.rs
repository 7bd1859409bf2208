//! `track_process`: whether a program runs. keepalived 2.2.7 learns it from the kernel's events of processes, which come in the first
//! network namespace only; in any other it takes every program for stopped, whatever runs. So beside it only that can be seen.

use std::fs;
use std::process::Command;

use crate::beside::Beside;
use crate::common::{Lan, in_namespace};
use crate::instance;

#[test]
fn a_program_that_starts_and_stops_moves_the_priority_and_is_told_from_others_by_its_arguments() {
    let program = format!("watched{}", std::process::id());
    let configuration = |folder: &str| {
        let processes = format!(
            "vrrp_track_process runs {{\nprocess {program}\nweight 20\n}}\n\
             vrrp_track_process needed {{\nprocess {program}\nweight 0\nquorum_max 1\n}}\n\
             vrrp_track_process second {{\nprocess {folder}/{program} 62\nweight -5\nterminate_delay 0.5\n}}\n"
        );
        let tracked = ["runs", "runs weight -30", "needed", "second"].iter().zip(1..).map(|(tracked, vrid)| {
            let more = format!("version 3\nadvert_int 0.2\ntrack_process {{\n{tracked}\n}}");
            instance(&format!("VI_{vrid}"), vrid, 100, &more)
        });
        processes + &tracked.collect::<String>()
    };
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let path = beside.ours.path(&program);
        fs::copy("/usr/bin/sleep", &path).unwrap();
        // Ends by itself where the test cannot end it.
        let run = |seconds: &str| beside.ours.spawn(Command::new(&path).arg(seconds));
        let end = |mut process: std::process::Child| {
            process.kill().unwrap();
            process.wait().unwrap();
        };
        let folder = path.parent().unwrap().display().to_string();
        let _daemons = beside.start(&configuration(&folder), &[]);
        [(1, 100), (2, 70), (4, 95)].iter().for_each(|(vrid, priority)| beside.until_both_say(*vrid, *priority));
        beside.both(|host| assert!(!host.has("192.0.2.103"), "nothing runs"));

        let says = |priorities: [u8; 4]| {
            (1..).zip(priorities).for_each(|(vrid, priority)| beside.until_says(&beside.ours, vrid, priority));
        };
        for _ in 0..2 {
            let first = run("61");
            says([120, 100, 100, 95]);
            // One too many.
            let second = run("62");
            says([120, 100, 0, 100]);
            end(first);
            says([120, 100, 100, 100]);
            end(second);
            says([100, 70, 0, 95]);
            assert!(!beside.ours.has("192.0.2.103"));
        }

        let said = beside.theirs.lines("keepalived.log");
        assert!(said.iter().any(|line| line.contains("Failed to set/clear process event listen")), "{said:?}");
        beside.until_says(&beside.theirs, 1, 100);
        assert_eq!(lan.wire().adverts(2).iter().filter(|advert| advert.vrid == 3).count(), 0);
    });
}
