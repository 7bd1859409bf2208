//! What vrrpd remembers, asked for and kept by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use vrrp_core::record::{Event, Recording};
use vrrp_core::{Action, Role};

use crate::common::{Host, Lan, in_namespace};
use crate::instance;

fn kept(host: &Host) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(host.path("recordings")) else { return Vec::new() };
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "vrrp-recording")).collect()
}

#[test]
fn a_takeover_that_nobody_asked_for_is_recorded_and_one_in_good_order_is_not() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let configuration = instance("web", 1, 100, "") + &instance("mail", 2, 100, "");
        let peer = instance("web", 1, 200, "");
        let directory = second.path("recordings");
        let recordings = ["--recordings", directory.to_str().unwrap()];
        let master = first.vrrpd(&peer);
        master.until_is("web", "Master");
        let daemon = second.vrrpd_with(&configuration, &recordings);
        daemon.until("the Master is heard", || daemon.router("web").master.is_some());
        daemon.until_is("mail", "Master");

        // It says that it goes.
        master.terminate();
        daemon.until_is("web", "Master");
        let master = first.vrrpd(&peer);
        // Another Master while this one is Master, though: that nobody here asked for.
        daemon.until_is("web", "Backup");
        daemon.until_logged("what happened is recorded in ");
        assert_eq!((kept(&second).len(), daemon.logged("what happened is recorded in ")), (1, 1));
        let file = kept(&second).remove(0);
        assert!(file.file_name().unwrap().to_str().unwrap().ends_with("-web.vrrp-recording"));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let recording = Recording::from_text(&fs::read(&file).unwrap()).unwrap();
        let replayed = recording.replay().unwrap();
        assert!(replayed.skipped == 0 && replayed.advertisements > 0, "{replayed:?}");
        assert_eq!(recording.names.values().collect::<Vec<_>>(), ["web"]);
        assert!(recording.about.contains(": web: Master -> Backup: "), "{}", recording.about);

        // And who asks gets it at any time.
        let all = second.vrrpctl(&["record"]);
        let recording = Recording::from_text(&all.stdout).unwrap();
        recording.replay().unwrap();
        assert_eq!(recording.names.len(), 2);
        let file = second.path("asked");
        let asked = second.vrrpctl(&["record", "mail", "--to", file.to_str().unwrap()]);
        assert!(asked.status.success() && asked.stdout.is_empty());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let recording = Recording::from_text(&fs::read(&file).unwrap()).unwrap();
        let to_master =
            |event: &Event| matches!(event, Event::Asked(Action::StateChanged(it)) if it.to == Role::Master);
        assert_eq!(recording.entries().iter().filter(|entry| to_master(&entry.event)).count(), 1);
        assert_eq!((recording.routers().len(), recording.names.values().next().unwrap().as_str()), (1, "mail"));
        let unknown = second.vrrpctl(&["record", "mial"]);
        assert!(!unknown.status.success() && unknown.stdout.is_empty());
        assert!(String::from_utf8(unknown.stderr).unwrap().contains("mial"));
        drop(master);
    });
}

#[test]
fn what_is_due_is_written_before_another_program_goes_on_and_before_the_end() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let directory = second.path("recordings");
        let better = instance("web", 1, 200, "");
        let master = first.vrrpd(&better);
        master.until_is("web", "Master");
        let daemon = second.vrrpd_with(&instance("web", 1, 100, ""), &["--recordings", directory.to_str().unwrap()]);
        daemon.until("the Master is heard", || daemon.router("web").master.is_some());

        master.kill();
        daemon.until_is("web", "Master");
        assert!(second.vrrpctl(&["upgrade"]).status.success());
        daemon.until_logged("goes on with");
        assert_eq!(kept(&second).len(), 1, "{:#?}", daemon.log());

        let _master = first.vrrpd(&better);
        daemon.until_is("web", "Backup");
        assert!(daemon.terminate().success());
        assert_eq!(kept(&second).len(), 2, "{:#?}", daemon.log());
    });
}
