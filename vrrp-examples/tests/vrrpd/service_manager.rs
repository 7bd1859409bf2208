//! What a service manager is told: one that listens at a socket, as systemd does.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::{Host, Lan, Vrrpd, in_namespace, until};
use crate::instance;

/// All that was said, a line after the other.
struct Systemd {
    heard: Arc<Mutex<Vec<String>>>,
    address: String,
}

impl Systemd {
    fn new(host: &Host) -> Self {
        let path = host.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&heard);
        thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok(len) = socket.recv(&mut buffer) {
                let text = String::from_utf8(buffer[..len].to_vec()).unwrap();
                lines.lock().unwrap().extend(text.lines().map(str::to_owned));
            }
        });
        Self { heard, address: format!("NOTIFY_SOCKET={}", path.display()) }
    }

    fn start(&self, host: &Host, configuration: &str) -> Vrrpd {
        host.vrrpd_under(&["env", &self.address, "WATCHDOG_USEC=600000"], configuration, &[])
    }

    /// All but the signs of life.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|line| *line != "WATCHDOG=1").cloned().collect()
    }

    fn signs_of_life(&self) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| *line == "WATCHDOG=1").count()
    }

    #[track_caller]
    fn until_heard(&self, line: &str) {
        until(&format!("{line:?} is told"), || self.heard().iter().any(|heard| heard == line));
    }
}

#[test]
fn it_is_ready_when_the_checks_have_spoken_and_says_what_its_routers_are() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("check", "env >$D/environment; until [ -e $D/go ]; do sleep 0.05; done");
        let check = "vrrp_script chk {\n script $D/check\n interval 1\n timeout 60\n}\n".to_owned();
        let checked = instance("VI_1", 1, 255, "track_script {\n chk\n}");
        let systemd = Systemd::new(&host);
        let daemon = systemd.start(&host, &(check + &checked + &instance("VI_2", 2, 255, "")));
        daemon.until_is("VI_2", "Master");
        systemd.until_heard("STATUS=1 Master, 0 Backup, 0 in fault, 1 not started");
        assert!(!systemd.heard().contains(&"READY=1".to_owned()));
        fs::write(host.path("go"), "").unwrap();
        systemd.until_heard("STATUS=2 Master, 0 Backup, 0 in fault");
        systemd.until_heard("READY=1");

        let before = systemd.signs_of_life();
        until("signs of life", || systemd.signs_of_life() >= before + 3);
        // Scripts have nothing to say to it.
        let environment = fs::read_to_string(host.path("environment")).unwrap();
        assert!(environment.contains("PATH=") && !environment.contains("NOTIFY_SOCKET"), "{environment}");
        assert!(!environment.contains("WATCHDOG"), "{environment}");

        assert!(daemon.terminate().success());
        until("its last words", || systemd.heard().ends_with(&["STOPPING=1".to_owned(), "STATUS=stopping".to_owned()]));
        let heard = systemd.heard();
        assert_eq!(heard.iter().filter(|line| *line == "READY=1").count(), 1, "{heard:?}");
    });
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end_even_where_the_file_would_not_run() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let systemd = Systemd::new(&host);
        let router = instance("VI_1", 1, 255, "");
        let daemon = systemd.start(&host, &router);
        systemd.until_heard("STATUS=1 Master, 0 Backup, 0 in fault");

        let reloads = || {
            let heard = systemd.heard();
            let phases = heard.into_iter().map(|line| line.split('=').next().unwrap().to_owned());
            phases.filter(|what| what != "STATUS").collect::<Vec<_>>()
        };
        assert_eq!(reloads(), ["READY"]);
        host.reconfigure(&(router.clone() + &instance("VI_2", 2, 255, "")));
        daemon.hang_up();
        systemd.until_heard("STATUS=2 Master, 0 Backup, 0 in fault");
        assert_eq!(reloads(), ["READY", "RELOADING", "MONOTONIC_USEC", "READY"]);

        host.reconfigure("nonsense");
        assert_eq!(host.vrrpctl(&["reload"]).status.code(), Some(1));
        systemd
            .until_heard("STATUS=2 Master, 0 Backup, 0 in fault; the configuration on disk would not run, see the log");
        assert_eq!(reloads()[4..], ["RELOADING", "MONOTONIC_USEC", "READY"]);
        host.reconfigure(&router);
        assert_eq!(host.vrrpctl(&["reload"]).status.code(), Some(0));
        until("the status is told", || {
            systemd.heard().last().is_some_and(|it| it == "STATUS=1 Master, 0 Backup, 0 in fault")
        });
    });
}
