//! The daemon as a process: its signals, its children, what these inherit.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{Host, Lan, Vrrpd, throughout, until, until_within};
use crate::{instance, on_hosts, router};

/// A number may have no name, as those of the real-time signals.
fn send(host: &Host, daemon: &Vrrpd, signal: i32) {
    host.sh(&format!("env kill -{signal} {}", daemon.pid()));
}

#[test]
fn d3_a_newer_state_is_told_while_an_older_ones_script_hangs() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // The first word of the arguments is the router's own.
        host.script("tell", "echo $4 >>$D/$1; [ $1$4 != slowMASTER ] || sleep 75");
        let others = ["a", "b", "c"];
        let names = others.iter().chain(&["slow"]).enumerate();
        let instances = names.map(|(n, name)| {
            let address = format!("virtual_ipaddress {{\n192.0.2.{}/24\n}}", 100 + n);
            instance(name, u8::try_from(n).unwrap() + 1, 255, &format!("{address}\nnotify \"$D/tell {name}\""))
        });
        let daemon = host.vrrpd(&instances.collect::<String>());
        let told = |name: &str| host.lines(name).last().cloned().unwrap_or_default();
        let limit = Duration::from_secs(10);
        until_within(limit, "the slow script runs", || told("slow") == "MASTER");
        host.set_carrier(false);
        until_within(limit, "the others are told", || others.iter().all(|name| told(name) == "FAULT"));
        until_within(limit, "and so is the slow one", || told("slow") == "FAULT");
        daemon.until_logged("notify slow: ");
        let log = daemon.log();
        let line = log.iter().find(|line| line.starts_with("notify slow: ")).unwrap();
        for part in ["/tell for MASTER was cut off after ", " by SIGTERM: the newer state FAULT waits"] {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(host.lines("slow"), ["MASTER", "FAULT"]);
    });
}

#[test]
fn d3_stop_scripts_complete_and_what_they_wait_for_is_cut_off() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("master", "echo master >>$D/told; sleep 75");
        host.script("stop", "sleep 2; echo stop >>$D/told");
        host.script("any", "[ $3 != STOP ] || { sleep 1; echo any >>$D/told; }");
        let scripts = "notify_master $D/master\nnotify_stop $D/stop\nnotify $D/any";
        let daemon = host.vrrpd(&router(255, scripts));
        until("the first script runs", || host.lines("told") == ["master"]);
        let asked = Instant::now();
        assert!(daemon.terminate().success());
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert_eq!(host.lines("told"), ["master", "stop", "any"]);
        assert_eq!(daemon.logged(" by SIGTERM: its stop waits"), 1);
    });
}

#[test]
fn d3_the_limits_can_be_set() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        for name in ["master", "stop"] {
            host.script(name, &format!("echo {name} >>$D/told; sleep 75"));
        }
        let limits = ["--notify-timeout", "0.5", "--stop-timeout", "1"];
        let daemon = host.vrrpd_with(&router(255, "notify_master $D/master\nnotify_stop $D/stop"), &limits);
        daemon.until_logged(
            "/master for MASTER was cut off after 0.5 s by SIGTERM: it may take 0.5 s (--notify-timeout)",
        );
        assert!(daemon.terminate().success());
        assert_eq!(host.lines("told"), ["master", "stop"]);
        assert_eq!(daemon.logged("it may take 1 s (--stop-timeout)"), 1);
    });
}

#[test]
fn d2_what_a_notify_script_starts_in_the_background_lives_on() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("master", "(until [ -e $D/go ]; do sleep 0.1; done; echo word >&2; echo lives >>$D/told) &");
        host.script("any", "echo $3 >>$D/told");
        let daemon = host.vrrpd(&router(255, "notify_master $D/master\nnotify $D/any"));
        until("the script has ended", || host.lines("told") == ["MASTER"]);
        fs::write(host.path("go"), "").unwrap();
        until("it has lived on", || host.lines("told") == ["MASTER", "lives"]);
        drop(daemon);
    });
}

/// What each signal does is written in `docs/process.md`.
#[test]
fn d4_no_signal_ends_a_master_in_silence() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&router(255, ""));
        daemon.until_is("VI_1", "Master");
        let serves = || daemon.is("VI_1", "Master") && host.has("192.0.2.100");
        let named = [(13, "PIPE"), (14, "ALRM"), (16, "STKFLT")];
        let more =
            [(25, "XFSZ"), (26, "VTALRM"), (27, "PROF"), (29, "IO"), (30, "PWR"), (34, "RTMIN"), (35, "RTMIN+1")];
        // 63 has the next process go on; without a service manager there is none.
        let real_time = (36..=64).filter(|n| *n != 63).map(|n| (n, format!("RTMIN+{}", n - 34)));
        let with_a_line = named.into_iter().chain(more).map(|(n, name)| (n, name.to_owned())).chain(real_time);
        for (signal, name) in with_a_line {
            send(&host, &daemon, signal);
            daemon.until_logged(&format!("SIG{name}: "));
            assert!(serves(), "after SIG{name}");
        }
        // These do something. After the first one the control socket is made anew.
        send(&host, &daemon, 63);
        daemon.until_logged("this process goes on");
        daemon.until_logged("goes on with 1 virtual router");
        until("it answers", || daemon.ask().is_some());
        assert!(serves(), "after signal 63");
        for (signal, line) in [(1, "no change"), (10, "VI_1: Master on eth0, "), (12, " advert_sent")] {
            send(&host, &daemon, signal);
            daemon.until_logged(line);
            assert!(serves(), "after signal {signal}");
        }
        // SIGCHLD, SIGCONT, SIGURG and SIGWINCH are everyday.
        for signal in [17, 18, 23, 28] {
            send(&host, &daemon, signal);
            assert!(serves(), "after signal {signal}");
        }
        // An exporter.
        (0..20).for_each(|_| send(&host, &daemon, 10));
        throughout(Duration::from_millis(300), "it serves", serves);
        daemon.until_logged("SIGUSR1: 6 dumps were written within an hour, the next one has to wait");
        assert_eq!(daemon.logged("VI_1: Master on eth0, "), 6);
        assert!(daemon.terminate().success());
    });
}

#[test]
fn d4_three_signals_stop_it_in_order() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        for (signal, name) in [(2, "SIGINT"), (3, "SIGQUIT"), (15, "SIGTERM")] {
            let daemon = host.vrrpd(&router(255, ""));
            daemon.until_is("VI_1", "Master");
            let sent = lan.wire().adverts(1).len();
            send(&host, &daemon, signal);
            assert!(daemon.wait().success(), "{name}");
            assert!(!host.has("192.0.2.100"), "{name}");
            until("the release", || lan.wire().adverts(1)[sent..].iter().any(|advert| advert.priority == 0));
            assert_eq!(daemon.logged(&format!("{name}: stopping")), 1);
        }
    });
}

#[test]
fn d4_after_a_crash_the_addresses_expire() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGSYS, SIGKILL
        for signal in [4, 5, 6, 7, 8, 11, 24, 31, 9] {
            let daemon = host.vrrpd_under(&["sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"], &router(255, ""), &[]);
            daemon.until_is("VI_1", "Master");
            until("it serves", || host.has("192.0.2.100"));
            // Of a SIGBUS or SIGSEGV from outside the first has no effect: Rust looks first whether a stack is full.
            until("it has ended", || {
                send(&host, &daemon, signal);
                daemon.ask().is_none()
            });
            assert!(!daemon.wait().success(), "signal {signal}");
            until("the address has expired", || !host.has("192.0.2.100"));
        }
    });
}

#[test]
fn d4_scripts_inherit_no_signal_of_ours() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script(
            "check",
            "grep -E 'SigBlk|SigIgn' /proc/self/status >$D/signals.part; mv $D/signals.part $D/signals",
        );
        let configuration =
            format!("vrrp_script chk {{\nscript $D/check\ninterval 1\n}}\n{}", router(255, "track_script {\nchk\n}"));
        // As `nohup` and careless parents start a daemon.
        let line = "trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM; exec env --block-signal=HUP,USR1,TERM \"$@\"";
        let daemon = host.vrrpd_under(&["sh", "-c", line, "sh"], &configuration, &[]);
        until("the check has run", || host.lines("signals").len() == 2);
        for line in host.lines("signals") {
            let mask = u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap();
            // The C library keeps 32 and 33 for itself: as this test was started with them, so is the check.
            assert_eq!(mask & !(1 << 31 | 1 << 32), 0, "{line}");
        }
        assert!(daemon.terminate().success());
    });
}

/// As the first process of a container: whatever a check leaves behind is vrrpd's to reap.
#[test]
fn d1_as_the_first_process_it_reaps_what_checks_leave_behind() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // Some die by a signal that has no name, and all of them as children of somebody who is gone.
        host.script("check", "setsid sleep 0.1 & setsid sh -c 'kill -40 $$' & echo $$ >>$D/runs; exit 0");
        // In the namespace of the daemon: how many processes there are, and how many of them are dead.
        host.script("count", "grep -h ^State: /proc/[0-9]*/status >$D/states.part; mv $D/states.part $D/states");
        let configuration = format!(
            "vrrp_script chk {{\nscript $D/check\ninterval 0.1\ntimeout 10\nfall 1\n}}
             vrrp_script count {{\nscript $D/count\ninterval 0.5\nfall 1000\n}}\n{}",
            router(255, "track_script {\nchk\ncount\n}")
        );
        // A few numbers only, where the kernel has a limit for each namespace: they would soon be used up.
        let few = "echo 400 >/proc/sys/kernel/pid_max; exec \"$@\"";
        let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"];
        let limits = host.output("unshare --pid --fork --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max'");
        let line = if limits.status.success() { few } else { "exec \"$@\"" };
        let wrapper: Vec<&str> = unshare.iter().copied().chain([line, "sh"]).collect();
        let daemon = host.vrrpd_under(&wrapper, &configuration, &[]);
        until_within(Duration::from_secs(120), "250 runs", || host.lines("runs").len() > 250);
        assert!(daemon.is("VI_1", "Master"));
        assert_eq!(daemon.logged("check chk failed"), 0);
        let dead = || host.lines("states").iter().filter(|line| line.contains("zombie")).count();
        assert!(dead() < 20, "{} are dead", dead());
        fs::write(host.path("check"), "#!/bin/sh\nexit 0\n").unwrap();
        until("none is dead", || !host.lines("states").is_empty() && dead() == 0);
    });
}

/// What a check is told by the kernel about itself, one file for each question.
fn curious(host: &Host) {
    host.script(
        "check",
        "umask 0; mkdir $D/told.part || exit 1; cd $D/told.part
         grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status >caps
         env >env; cat /proc/self/limits >limits; readlink /proc/self/fd/0 >stdin
         ls /proc/self/fd >fds; mv $D/told.part $D/told",
    );
}

fn checked(lines: &str) -> String {
    format!(
        "vrrp_script chk {{\nscript $D/check\ninterval 600\ntimeout 20\n{lines}\n}}\n{}",
        router(255, "track_script {\nchk\n}")
    )
}

#[test]
fn d8_scripts_inherit_no_capability_limit_descriptor_or_word_of_ours() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        curious(&host);
        // No user is anybody's better (noroot): what a program may do, it has from the ambient set.
        let line = "ulimit -Sn 40; exec 7</dev/null 9</dev/null
            export NOTIFY_SOCKET=/x LISTEN_FDS=1 LISTEN_PID=1 WATCHDOG_USEC=1 RUST_LOG=info JOURNAL_STREAM=1:1 KEPT=kept
            capabilities=+net_admin,+net_raw,+setuid,+setgid,+kill
            exec setpriv --securebits +noroot --inh-caps $capabilities --ambient-caps $capabilities \"$@\"";
        let configuration = format!("global_defs {{\nvrrp_rt_priority 10\n}}\n{}", checked(""));
        let daemon = host.vrrpd_under(&["sh", "-c", line, "sh"], &configuration, &[]);
        daemon.until_is("VI_1", "Master");
        until("the check has run", || host.path("told").exists());

        let own = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
        let soft = |limits: &str, name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
            line.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(soft(&own, "Max realtime timeout"), "2000000");
        assert_ne!(soft(&own, "Max open files"), "40");
        let limits = fs::read_to_string(host.path("told/limits")).unwrap();
        assert_eq!(soft(&limits, "Max realtime timeout"), "unlimited");
        assert_eq!(soft(&limits, "Max open files"), "40");

        let capabilities = host.lines("told/caps");
        assert_eq!(capabilities.len(), 4);
        assert!(capabilities.iter().all(|line| line.ends_with("\t0000000000000000")), "{capabilities:?}");
        assert_eq!(host.lines("told/fds"), ["0", "1", "2", "3"], "the last one is that of the list itself");
        assert_eq!(host.lines("told/stdin"), ["/dev/null"]);
        let environment = host.lines("told/env");
        assert!(environment.contains(&"KEPT=kept".to_owned()));
        for word in ["NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_", "RUST_LOG=", "JOURNAL_STREAM="] {
            assert!(!environment.iter().any(|line| line.starts_with(word)), "{word} {environment:?}");
        }
        assert!(daemon.terminate().success());
    });
}

#[test]
fn d8_a_script_of_root_may_what_root_may() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        curious(&host);
        let daemon = host.vrrpd(&checked(""));
        until("the check has run", || host.path("told").exists());
        let own = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let effective = own.lines().find(|line| line.starts_with("CapEff")).unwrap();
        assert!(host.lines("told/caps").iter().any(|line| line == effective), "{effective}");
    });
}

#[test]
fn d8_a_script_that_cannot_run_says_so_whatever_the_limits() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let configuration = format!(
            "global_defs {{\nvrrp_rt_priority 10\n}}\nvrrp_script chk {{\nscript $D/missing\ninterval 600\n}}\n{}",
            router(255, "track_script {\nchk\n}")
        );
        let daemon = host.vrrpd(&configuration);
        daemon.until_logged("/missing: No such file or directory");
        daemon.until_is("VI_1", "Fault");
    });
}

#[test]
fn s5_in_the_journal_each_line_has_its_level_and_no_time() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let notice = "global_defs {\nsmtp_connect_timeout 30\n}\n";
        let configuration = format!("{notice}{}", router(255, ""));
        let journal = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM; exec \"$@\"";
        let daemon = host.vrrpd_under(&["sh", "-c", journal, "sh"], &configuration, &[]);
        daemon.until_logged("<6>VI_1: Initialize -> Master");
        host.reconfigure(&configuration.replace("priority", "prority"));
        daemon.hang_up();
        daemon.until_logged("error: `prority` is not a keyword of vrrp_instance");
        assert!(daemon.terminate().success());
        let log = daemon.log();
        assert!(log.iter().all(|line| ["<3>", "<4>", "<6>"].iter().any(|level| line.starts_with(level))), "{log:?}");

        // A variable that an earlier journal left names another file.
        let other = "JOURNAL_STREAM=1:1; export JOURNAL_STREAM; exec \"$@\"";
        let daemon = host.vrrpd_under(&["sh", "-c", other, "sh"], &configuration, &[]);
        daemon.until_logged("VI_1: Initialize -> Master");
        assert_eq!(daemon.logged("<6>"), 0);
    });
}

/// A directory service, or a file server, that does not answer any more.
#[test]
fn d3_a_script_that_cannot_even_be_started_holds_no_stop_up() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let scripts = "notify_stop $D/stop root\ntrack_script {\nchk weight -1\n}";
        let configuration = format!(
            "vrrp_script chk {{\nscript /bin/true\ninterval 1\ntimeout 1\nuser root\n}}\n{}",
            router(200, scripts)
        );
        host.script("stop", "echo stop >>$D/told");
        let daemon = host.vrrpd_under(&["unshare", "--mount"], &configuration, &["--stop-timeout", "1"]);
        daemon.until_is("VI_1", "Master");
        // Nobody ever writes into it: whoever looks a user up waits.
        let fifo = host.path("fifo").display().to_string();
        host.sh(&format!("mkfifo {fifo}; nsenter --target {} --mount mount --bind {fifo} /etc/passwd", daemon.pid()));
        daemon.until_logged("check chk failed: timed out");
        let asked = Instant::now();
        assert!(daemon.terminate().success());
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert!(!host.has("192.0.2.100"));
    });
}

#[test]
fn s5_it_starts_where_nothing_can_be_logged() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // The notice would be the first thing to be written.
        let configuration = format!("global_defs {{\nsmtp_connect_timeout 30\n}}\n{}", router(255, ""));
        let daemon = host.vrrpd_under(&["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"], &configuration, &[]);
        daemon.until_is("VI_1", "Master");
        assert!(daemon.terminate().success());
    });
}
