//! Passwords: one that is the same, one that differs, one that only one side has.

use std::time::Instant;

use crate::common::{Lan, in_namespace, until};
use crate::instance;

fn protected(name: &str, vrid: u8, priority: u8, password: Option<&str>) -> String {
    let authentication = password
        .map_or(String::new(), |password| format!("authentication {{\n auth_type PASS\n auth_pass {password}\n }}\n"));
    instance(name, vrid, priority, &authentication)
}

fn configuration(priority: u8, [same, other, missing]: [Option<&str>; 3]) -> String {
    protected("same", 1, priority, same)
        + &protected("other", 2, priority, other)
        + &protected("missing", 3, priority, missing)
}

#[test]
fn routers_with_another_password_do_not_hear_each_other_and_say_why() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let start = Instant::now();
        let better = first.vrrpd(&configuration(255, [Some("s3cret"), Some("s3cret"), Some("s3cret")]));
        let worse = second.vrrpd(&configuration(254, [Some("s3cret"), Some("S3cret"), None]));

        worse.until_is("other", "Master");
        worse.until_is("missing", "Master");
        let failures = |name, counter| worse.router(name).counters[counter];
        until("three wrong passwords", || failures("other", "auth_failures") >= 3);
        until("three wrong types", || failures("missing", "auth_type_mismatch") >= 3);

        // The right password is heard, all the time.
        let same = worse.router("same");
        assert_eq!((same.state.as_str(), same.counters["auth_failures"]), ("Backup", 0));
        assert_eq!(same.master.unwrap().address, "192.0.2.1");
        // Of the wrong ones both are Master, and the log tells why, not every second.
        for name in ["other", "missing"] {
            assert!(better.is(name, "Master"));
        }
        let at_most = 1 + usize::try_from(start.elapsed().as_secs()).unwrap() / 10;
        for text in [
            "other: ignored an advertisement from 192.0.2.1: wrong password",
            "missing: ignored an advertisement from 192.0.2.1: authentication type 1, 0 expected",
        ] {
            worse.until_logged(text);
            assert!(worse.logged(text) <= at_most, "{text}: {} times", worse.logged(text));
        }
    });
}
