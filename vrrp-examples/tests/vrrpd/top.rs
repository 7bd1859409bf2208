//! `vrrpctl top` in a terminal, against a living daemon.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::common::{Host, Lan, in_namespace, program, until};
use crate::instance;

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A terminal of 80x24 in which `vrrpctl top` runs.
struct Shown {
    process: Child,
    keyboard: File,
    /// Kept open, so that it can be looked at when the program has ended.
    terminal: OwnedFd,
    before: Termios,
    screen: Arc<Mutex<String>>,
}

impl Shown {
    fn start(host: &Host) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave: terminal } = openpty(&size, None).unwrap();
        let before = tcgetattr(&terminal).unwrap();
        let mut command = Command::new(program("vrrpctl", env!("CARGO_BIN_EXE_vrrpctl")));
        command.args(["top", "--every", "0.1", "--control"]).arg(host.path("control")).env("TERM", "xterm");
        for stdio in [Command::stdin, Command::stdout, Command::stderr] {
            stdio(&mut command, terminal.try_clone().unwrap());
        }
        let process = host.spawn(&mut command);
        let (keyboard, mut out) = (File::from(master.try_clone().unwrap()), File::from(master));
        let screen = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&screen);
        thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut octets) {
                to.lock().unwrap().push_str(&String::from_utf8_lossy(&octets[..read]));
            }
        });
        Self { process, keyboard, terminal, before, screen }
    }

    /// Waits until it has drawn `text`, of all that it draws from now on or has drawn since the last wait.
    #[track_caller]
    fn until_drawn(&self, text: &str) {
        until(&format!("{text:?} is drawn"), || {
            let mut screen = self.screen.lock().unwrap();
            let at = screen.find(text);
            at.is_some_and(|at| !screen.drain(..at + text.len()).as_str().is_empty())
        });
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Its exit status; the terminal is as it was.
    fn end(mut self) -> Option<i32> {
        let status = self.process.wait().unwrap();
        self.until_drawn(LEAVE);
        let after = tcgetattr(&self.terminal).unwrap();
        assert_eq!(after, self.before);
        status.code()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn it_draws_goes_on_after_a_restart_and_leaves_the_terminal_as_it_was() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let none = host.vrrpctl(&["top"]);
        let said = String::from_utf8(none.stderr).unwrap();
        assert!(none.status.code() == Some(1) && said.starts_with("vrrpctl: top needs a terminal"), "{said}");

        let configuration = instance("VI_1", 1, 255, "");
        let daemon = host.vrrpd(&configuration);
        let mut shown = Shown::start(&host);
        shown.until_drawn(ENTER);
        shown.until_drawn("VI_1");
        shown.until_drawn("Master");
        shown.press("\r");
        shown.until_drawn("192.0.2.101/24");
        daemon.kill();
        shown.until_drawn("NO ANSWER");
        let daemon = host.vrrpd(&configuration);
        shown.until_drawn("sorted by");
        shown.press("q");
        assert_eq!(shown.end(), Some(0));

        for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
            let shown = Shown::start(&host);
            shown.until_drawn("VI_1");
            kill(Pid::from_raw(shown.process.id().try_into().unwrap()), signal).unwrap();
            assert_eq!(shown.end(), Some(status));
        }
        let mut shown = Shown::start(&host);
        shown.until_drawn("VI_1");
        shown.press("\x03");
        assert_eq!(shown.end(), Some(0));
        assert!(daemon.terminate().success());
    });
}
