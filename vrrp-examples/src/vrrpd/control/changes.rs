//! The changes between two configurations, for people.

use std::fmt::Write as _;

use super::order::{Change, Changes, How, Thing};

/// One line for each change, more where several things about it change.
pub(super) fn render(changes: &Changes) -> String {
    let Changes { file, changes, undisturbed, notices } = changes;
    let count = match changes.len() {
        0 => "no changes".to_owned(),
        1 => "1 change".to_owned(),
        n => format!("{n} changes"),
    };
    let undisturbed = match undisturbed {
        0 => String::new(),
        1 => "; 1 virtual router goes on undisturbed".to_owned(),
        n => format!("; {n} virtual routers go on undisturbed"),
    };
    let mut text = format!("{file}: {count}{undisturbed}\n");
    // Writing to a String cannot fail.
    for change in changes {
        let head = head(change);
        let mut details = change.details.iter();
        let _ = match details.next() {
            Some(first) => writeln!(text, "{head}: {first}"),
            None => writeln!(text, "{head}"),
        };
        let indent = head.chars().count();
        for detail in details {
            let _ = writeln!(text, "{:indent$}  {detail}", "");
        }
    }
    for notice in notices {
        let _ = writeln!(text, "{notice}");
    }
    text
}

fn head(Change { what, name, how, .. }: &Change) -> String {
    let how = match how {
        How::Added => "new",
        How::Removed => "removed",
        How::Changed => "changed",
        How::Replaced => "replaced",
        How::NextStart => "at the next start",
    };
    match what {
        Thing::Router => format!("  {how:<8}  router {name}"),
        Thing::SyncGroup => format!("  {how:<8}  sync group {name}"),
        Thing::Check => format!("  {how:<8}  check {name}"),
        Thing::Daemon => format!("  {how:<8}  vrrpd"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::control::refused::ConfigFinding;

    fn change(what: Thing, name: &str, how: How, details: &[&str]) -> Change {
        Change { what, name: name.to_owned(), how, details: details.iter().map(|&it| it.to_owned()).collect() }
    }

    #[test]
    fn a_change_is_a_line_and_says_what_about_it() {
        let notice = ConfigFinding {
            code: String::new(),
            keyword: None,
            severity: "notice".to_owned(),
            file: "a.conf".to_owned(),
            line: 3,
            column: 5,
            message: "`debug` has no effect".to_owned(),
            expected: None,
            help: None,
        };
        let changes = Changes {
            file: "/etc/a.conf".to_owned(),
            changes: vec![
                change(Thing::Router, "a", How::Changed, &["priority 120, was 100", "address 192.0.2.2/24 is new"]),
                change(Thing::Router, "b", How::Added, &[]),
                change(Thing::Router, "c", How::Replaced, &["interface eth1, was eth0"]),
                change(Thing::Check, "chk", How::Removed, &[]),
                change(Thing::SyncGroup, "g", How::Changed, &["c joins it"]),
                change(Thing::Daemon, "", How::NextStart, &["vrrp_no_swap"]),
            ],
            undisturbed: 252,
            notices: vec![notice],
        };
        let expected = "\
/etc/a.conf: 6 changes; 252 virtual routers go on undisturbed
  changed   router a: priority 120, was 100
                      address 192.0.2.2/24 is new
  new       router b
  replaced  router c: interface eth1, was eth0
  removed   check chk
  changed   sync group g: c joins it
  at the next start  vrrpd: vrrp_no_swap
a.conf:3:5: notice: `debug` has no effect
";
        assert_eq!(render(&changes), expected);
        let none = Changes { changes: vec![], undisturbed: 1, notices: vec![], ..changes };
        assert_eq!(render(&none), "/etc/a.conf: no changes; 1 virtual router goes on undisturbed\n");
    }
}
