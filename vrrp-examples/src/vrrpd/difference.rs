//! The difference between two configurations, in words. It covers all that either of them holds.

use std::collections::{BTreeMap, BTreeSet};

use vrrp_core::Family;

use crate::vrrpd::config::{Daemon, Instance, Probe};
use crate::vrrpd::control::order::{Change, How, Thing};
use crate::vrrpd::keepalived::{LISTS, Setting, Subject, settings};

/// Settings that belong to the process and count only at its start.
const OF_PROCESS: [&str; 7] = [
    "vrrp_rt_priority ",
    "vrrp_rlimit_rttime ",
    "vrrp_priority ",
    "vrrp_no_swap ",
    "vrrp_startup_delay ",
    "notify_timeout ",
    "stop_timeout ",
];

/// Returns what changes from `old` to `new`, in the order of `new`; what is removed comes last.
pub(super) fn difference(old: &Daemon, new: &Daemon) -> Vec<Change> {
    let mut before: BTreeMap<Subject<'_>, Vec<Setting>> = settings(old).collect();
    let mut changes = Vec::new();
    for (subject, settings) in settings(new) {
        let (what, name) = named(subject);
        let change = |how, details| Change { what, name: name.to_owned(), how, details };
        let Some(known) = before.remove(&subject) else {
            changes.push(change(How::Added, Vec::new()));
            continue;
        };
        let instances = instance(old, subject).zip(instance(new, subject));
        let mut details = compare(&known, &settings);
        details.extend(instances.and_then(|(old, new)| password(old, new)));
        if details.is_empty() && native_probe(old, subject) != native_probe(new, subject) {
            details.push("a setting that only the native format has is another one".to_owned());
        }
        match subject {
            Subject::Globals => {
                let (later, now) =
                    details.into_iter().partition(|detail| OF_PROCESS.iter().any(|of| detail.starts_with(of)));
                changes.push(change(How::Changed, now));
                changes.push(change(How::NextStart, later));
            }
            Subject::Instance(_) if instances.is_some_and(|(old, new)| place(old) != place(new)) => {
                changes.push(change(How::Replaced, details));
            }
            _ => changes.push(change(How::Changed, details)),
        }
    }
    changes.retain(|change| change.how == How::Added || !change.details.is_empty());
    for subject in settings(old).map(|(subject, _)| subject).filter(|subject| before.contains_key(subject)) {
        let (what, name) = named(subject);
        changes.push(Change { what, name: name.to_owned(), how: How::Removed, details: Vec::new() });
    }
    if changes.is_empty() && in_order(old) != in_order(new) {
        let details = vec!["a setting without a name here is another one".to_owned()];
        changes.push(Change { what: Thing::Daemon, name: String::new(), how: How::Changed, details });
    }
    changes
}

/// Returns what a check of this process looks at.
fn native_probe<'a>(daemon: &'a Daemon, subject: Subject<'_>) -> Option<&'a Probe> {
    let Subject::Script(name) = subject else { return None };
    let check = daemon.checks.iter().find(|check| check.name == name)?;
    Some(&check.probe).filter(|probe| matches!(probe, Probe::Native(_)))
}

/// Returns the same with everything by its name: the place in the file does not matter.
fn in_order(daemon: &Daemon) -> Daemon {
    let mut daemon = daemon.clone();
    daemon.checks.sort_by(|a, b| a.name.cmp(&b.name));
    daemon.instances.sort_by(|a, b| a.name.cmp(&b.name));
    daemon.sync_groups.sort_by(|a, b| a.name.cmp(&b.name));
    daemon.initial_values.sort_by(|(a, _), (b, _)| a.cmp(b));
    daemon
}

/// Returns how many routers have nothing changed, neither of their own nor by their group or the lease. The settings of a check that
/// they track do not count: it goes on, or begins without a verdict, and they go on.
pub(super) fn undisturbed(old: &Daemon, new: &Daemon) -> usize {
    if old.options.no_lease != new.options.no_lease {
        return 0;
    }
    let known = |instance: &&Instance| old.instances.iter().any(|known| known == *instance);
    let same_group = |instance: &&Instance| {
        let group = |daemon: &Daemon| {
            let group = daemon.sync_groups.iter().find(|group| group.members.contains(&instance.name))?;
            let (interfaces, scripts) = (group.track_interfaces.clone(), group.track_checks.clone());
            Some((group.name.clone(), group.members.clone(), interfaces, scripts))
        };
        group(old) == group(new)
    };
    new.instances.iter().filter(known).filter(same_group).count()
}

/// Returns a change as lines of the log.
pub(super) fn lines(Change { what, name, how, details }: &Change) -> Vec<String> {
    let subject = match what {
        Thing::Router => format!("vrrp_instance {name}"),
        Thing::SyncGroup => format!("vrrp_sync_group {name}"),
        Thing::Check => format!("vrrp_script {name}"),
        Thing::Daemon => "global_defs".to_owned(),
    };
    let after = match how {
        How::Added => return vec![format!("{subject}: added")],
        How::Removed => return vec![format!("{subject}: removed")],
        How::Changed => "",
        How::Replaced => " (another virtual router: the old one ends)",
        How::NextStart => " (takes effect at the next start)",
    };
    let line = |detail: &String| match LISTS.iter().any(|list| *what == Thing::Daemon && detail.starts_with(list)) {
        true => format!("{detail}{after}"),
        false => format!("{subject}: {detail}{after}"),
    };
    details.iter().map(line).collect()
}

fn named(subject: Subject<'_>) -> (Thing, &str) {
    match subject {
        Subject::Globals => (Thing::Daemon, ""),
        Subject::Script(name) => (Thing::Check, name),
        Subject::Instance(name) => (Thing::Router, name),
        Subject::Group(name) => (Thing::SyncGroup, name),
    }
}

fn instance<'a>(daemon: &'a Daemon, subject: Subject<'_>) -> Option<&'a Instance> {
    let Subject::Instance(name) = subject else { return None };
    daemon.instances.iter().find(|instance| instance.name == name)
}

/// Returns its place: interface, virtual router id and family. They make it the virtual router that it is.
fn place(instance: &Instance) -> (&str, u8, Family) {
    (&instance.interface, instance.vrid.get(), instance.family)
}

fn password(old: &Instance, new: &Instance) -> Option<String> {
    let what = match (old.password, new.password) {
        (None, None) => return None,
        (None, Some(_)) => "added",
        (Some(_), None) => "removed",
        (Some(old), Some(new)) if old == new => return None,
        (Some(_), Some(_)) => "changed",
    };
    Some(format!("auth_pass {what}"))
}

/// Returns a phrase for each setting and each line of a list that is not in both.
fn compare(old: &[Setting], new: &[Setting]) -> Vec<String> {
    let find = |settings: &[Setting], wanted: &Setting| match wanted.in_list {
        true => settings.iter().find(|known| *known == wanted).cloned(),
        false => settings.iter().find(|known| known.keyword == wanted.keyword).cloned(),
    };
    let mut phrases = Vec::new();
    for setting in new {
        let Setting { keyword, value, .. } = setting;
        match find(old, setting) {
            Some(known) if known.value == *value => {}
            Some(known) => phrases.push(format!("{keyword} {} -> {value}", known.value)),
            None => phrases.push(format!("{keyword} {value} added")),
        }
    }
    for setting in old.iter().filter(|setting| find(new, setting).is_none()) {
        phrases.push(format!("{} {} removed", setting.keyword, setting.value));
    }
    let lists: BTreeSet<&str> = new.iter().filter(|setting| setting.in_list).map(|it| it.keyword.as_str()).collect();
    for list in lists {
        let in_both = |settings: &[Setting], others: &[Setting]| -> Vec<Setting> {
            let of_list = settings.iter().filter(|setting| setting.keyword == list);
            of_list.filter(|setting| others.contains(setting)).cloned().collect()
        };
        if in_both(old, new) != in_both(new, old) {
            phrases.push(format!("{list} in another order"));
        }
    }
    phrases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::parse_str;
    use crate::vrrpd::native;

    fn daemon(text: &str) -> Daemon {
        parse_str("t", text).unwrap().daemon
    }

    fn instance(name: &str, more: &str) -> String {
        let vrid = name.len();
        format!(
            "vrrp_instance {name} {{\ninterface e\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n192.0.2.{vrid}/24\n}}\n{more}\n}}\n"
        )
    }

    fn told(old: &str, new: &str) -> Vec<String> {
        difference(&daemon(old), &daemon(new)).iter().flat_map(lines).collect()
    }

    #[test]
    fn each_change_has_a_line_by_name() {
        let script = |more: &str| format!("vrrp_script c {{\nscript /bin/c\n{more}\n}}\n");
        let tracked = "track_script {\nc\n}\n";
        let old = script("interval 2") + &instance("a", tracked) + &instance("bb", "priority 100\npreempt_delay 5");
        let new = "global_defs {\nvrrp_rt_priority 50\nenable_script_security\n}\n".to_owned()
            + &script("interval 1\nweight -3")
            + &instance("ccc", tracked)
            + &instance(
                "a",
                "priority 150\nnopreempt\nvirtual_ipaddress_excluded {\n198.51.100.1\n198.51.100.2\n}\nnotify /bin/n",
            )
            + "vrrp_sync_group g {\nsync_group_tracking_weight\ngroup {\na\nccc\n}\n}\n";
        let expected = [
            "global_defs: enable_script_security on added",
            "global_defs: vrrp_rt_priority 50 added (takes effect at the next start)",
            "vrrp_script c: interval 2 s -> 1 s",
            "vrrp_script c: timeout 2 s -> 1 s",
            "vrrp_script c: weight 0 noreverse -> -3 noreverse",
            "vrrp_instance ccc: added",
            "vrrp_instance a: priority 100 -> 150",
            "vrrp_instance a: preempt on -> off",
            "vrrp_instance a: virtual_ipaddress_excluded 198.51.100.1/32 added",
            "vrrp_instance a: virtual_ipaddress_excluded 198.51.100.2/32 added",
            "vrrp_instance a: notify \"/bin/n\" added",
            "vrrp_instance a: track_script c removed",
            "vrrp_sync_group g: added",
            "vrrp_instance bb: removed",
        ];
        assert_eq!(told(&old, &new), expected);
        assert_eq!(told(&old, &old), [""; 0]);
    }

    #[test]
    fn what_is_global_is_told_without_a_router() {
        let old = "interface_up_down_delays {\ne 1 2\nf 1\n}\n".to_owned() + &instance("a", "");
        let new = "global_defs {\nvrrp_startup_delay 5\nvrrp_garp_interval 0.01\n}\ninterface_up_down_delays {\ne 1.5 2\nf 1\n}\n"
            .to_owned()
            + &instance("a", "dont_track_primary\nvirtual_ipaddress_excluded { 198.51.100.1 dev f no_track }");
        let expected = [
            "global_defs: vrrp_garp_interval 0.01 s added",
            "interface_up_down_delays e 1.5 2 added",
            "interface_up_down_delays e 1 2 removed",
            "global_defs: vrrp_startup_delay 5 s added (takes effect at the next start)",
            "vrrp_instance a: dont_track_primary on added",
            "vrrp_instance a: virtual_ipaddress_excluded 198.51.100.1/32 dev f no_track added",
        ];
        assert_eq!(told(&old, &new), expected);
        assert_eq!(told(&new, &new), [""; 0]);
    }

    #[test]
    fn another_interface_is_another_router_and_an_order_counts() {
        let ips = |ips: &str| instance("a", "").replace("192.0.2.1/24", ips);
        assert_eq!(
            told(&ips("192.0.2.1\n192.0.2.2"), &ips("192.0.2.2\n192.0.2.1")),
            ["vrrp_instance a: virtual_ipaddress in another order"]
        );
        assert_eq!(
            told(&instance("a", ""), &instance("a", "").replace("interface e", "interface f")),
            ["vrrp_instance a: interface e -> f (another virtual router: the old one ends)"]
        );
    }

    #[test]
    fn what_keepalived_conf_has_no_words_for_is_told_too() {
        let daemon = |text: &str| native::parse_str("t", text).unwrap().daemon;
        let told = |old: &str, new: &str| -> Vec<String> {
            difference(&daemon(old), &daemon(new)).iter().flat_map(lines).collect()
        };
        let router = |name: &str, more: &str| {
            let vrid = name.len();
            format!("[router.{name}]\ninterface = \"e\"\nvrid = {vrid}\naddresses = [\"192.0.2.{vrid}/24\"]\n{more}\n")
        };
        let (a, fifos) = (router("a", ""), "[[fifo]]\npath = \"/1\"\n[[fifo]]\npath = \"/2\"\n");
        let check = |more: &str| format!("[check.c]\nkind = \"process\"\nprogram = \"p\"\nrise = 2\n{more}\n");
        let tracked = router("a", "track_checks = [\"c\"]");
        for (old, new, expected) in [
            (a.clone(), format!("lease = false\n{a}"), vec!["global_defs: lease on -> off"]),
            (
                format!("notify_timeout = \"3s\"\n{a}"),
                format!("notify_timeout = \"500ms\"\nstop_timeout = \"0s\"\n{a}"),
                vec![
                    "global_defs: notify_timeout 3 s -> 0.5 s (takes effect at the next start)",
                    "global_defs: stop_timeout 0 s added (takes effect at the next start)",
                ],
            ),
            (
                format!("{fifos}{a}"),
                format!("{fifos}[[fifo]]\npath = \"/3\"\nscript = \"/bin/r x\"\n{a}"),
                vec!["global_defs: fifo /3 \"/bin/r x\" added"],
            ),
            (
                router("a", "announce.gap = \"2s\"") + &router("bb", ""),
                router("a", "announce.gap = \"2s\"") + &router("bb", "announce.gap = \"1s\""),
                vec!["vrrp_instance bb: announce.gap 0 s -> 1 s"],
            ),
            (
                check("") + &tracked,
                check("arguments = [\"x\"]") + &tracked,
                vec!["vrrp_script c: a setting that only the native format has is another one"],
            ),
            (a.clone() + &router("bb", ""), router("bb", "") + &a, vec![]),
        ] {
            assert_eq!(told(&old, &new), expected, "{old} -> {new}");
            assert_eq!(told(&new, &new), [""; 0]);
        }
        assert_eq!(undisturbed(&daemon(&a), &daemon(&format!("lease = false\n{a}"))), 0);
        assert_eq!(undisturbed(&daemon(&(check("") + &tracked)), &daemon(&(check("fall = 2") + &tracked))), 1);
    }

    #[test]
    fn a_password_is_told_without_what_it_is() {
        let with =
            |pass: &str| instance("a", &format!("version 2\nauthentication {{\nauth_type PASS\nauth_pass {pass}\n}}"));
        assert_eq!(told(&with("one"), &with("two")), ["vrrp_instance a: auth_pass changed"]);
        assert_eq!(told(&instance("a", "version 2"), &with("two")), ["vrrp_instance a: auth_pass added"]);
        assert_eq!(told(&with("one"), &instance("a", "version 2")), ["vrrp_instance a: auth_pass removed"]);
    }

    #[test]
    fn a_router_is_undisturbed_where_neither_it_nor_its_group_changes() {
        let (a, b) = (instance("a", ""), instance("bb", ""));
        let group = |members: &str| format!("vrrp_sync_group g {{\ngroup {{\n{members}\n}}\n}}\n");
        let old = daemon(&(a.clone() + &b + &instance("ccc", "")));
        let new = |text: &str| undisturbed(&old, &daemon(text));
        assert_eq!(new(&(a.clone() + &b)), 2);
        assert_eq!(new(&(b.clone() + &instance("a", "priority 9") + &instance("dddd", ""))), 1);
        assert_eq!(new(&(a + &b + &instance("ccc", "") + &group("a bb"))), 1);
    }
}
