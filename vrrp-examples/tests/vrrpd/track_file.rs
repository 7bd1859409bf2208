//! `track_file`: the number in a file decides in vrrpd as it does in keepalived.

use std::fs;

use crate::beside::Beside;
use crate::common::{Lan, in_namespace};
use crate::instance;

#[test]
fn the_number_in_a_file_decides_as_in_keepalived_and_a_file_without_one_has_failed() {
    let files = "track_file value {\nfile $D/value\nweight 2\n}\n\
        vrrp_track_file well {\nfile $D/well\nweight 0\n}\n\
        track_file created {\nfile $D/created\ninit_file 7\n}\n";
    let routers = [
        (1, 100, "value"),
        (2, 100, "value weight -1"),
        (3, 100, "value weight 3 reverse"),
        (4, 100, "well"),
        (5, 100, "created"),
        (6, 255, "value weight -2"),
    ];
    let routers = routers.map(|(vrid, priority, tracked)| {
        let more = format!("version 3\nadvert_int 0.2\ntrack_file {{\n{tracked}\n}}");
        instance(&format!("VI_{vrid}"), vrid, priority, &more)
    });
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        beside.write("value", "5\n");
        beside.write("well", "0\n");
        let _daemons = beside.start(&(files.to_owned() + &routers.concat()), &[]);
        let both_say = |priorities: &[(u8, u8)]| priorities.iter().for_each(|it| beside.until_both_say(it.0, it.1));
        both_say(&[(1, 110), (2, 95), (3, 85), (4, 100), (5, 107), (6, 255)]);
        beside.both(|host| assert_eq!(host.lines("created"), ["7"]));

        beside.write("value", "-20");
        beside.write("well", "1\n");
        both_say(&[(1, 60), (2, 120), (3, 160), (6, 255)]);
        beside.both(|host| beside.until_left(host, 4, "192.0.2.104"));
        beside.write("well", "0\n");
        both_say(&[(4, 100)]);

        // Beyond a priority, and beyond a weight: that is a fault, of an owner only here.
        beside.write("value", "200\n");
        both_say(&[(1, 254), (2, 1)]);
        beside.both(|host| beside.until_left(host, 3, "192.0.2.103"));
        beside.until_left(&beside.ours, 6, "192.0.2.106");
        assert!(beside.theirs.has("192.0.2.106"));

        // What keepalived takes for 0 has failed here.
        beside.write("value", "no number\n");
        beside.both(|host| fs::remove_file(host.path("well")).unwrap());
        both_say(&[(1, 100), (3, 100)]);
        beside.until_says(&beside.ours, 2, 99);
        beside.until_says(&beside.theirs, 2, 100);
        beside.until_left(&beside.ours, 4, "192.0.2.104");
        assert!(beside.theirs.has("192.0.2.104"));
    });
}
