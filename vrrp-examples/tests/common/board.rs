//! A microcontroller without an operating system on the LAN: `vrrp-examples/firmware` in QEMU.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::unistd::pipe;

use super::testing::{ip, missing};
use super::{Lan, until};

/// A board that runs, and what it has said over its serial port. It is killed when dropped; after a panic its lines are printed.
pub(crate) struct Board {
    number: u8,
    process: Mutex<Child>,
    said: Arc<Mutex<Vec<String>>>,
}

/// A program for the board.
#[derive(Clone, Debug)]
pub(crate) struct Firmware(PathBuf);

impl Firmware {
    /// A program as `.ci/targets` has built it: in the folder that the environment variable `VRRP_FIRMWARE` names, or in `firmware`
    /// below cargo's target directory. Where it is not there, or nothing that runs it, the reason.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        const EMULATOR: &str = "qemu-system-arm";
        if missing(&[EMULATOR]).is_some() {
            return Err(format!("{EMULATOR} is not installed"));
        }
        let directory = std::env::var_os("VRRP_FIRMWARE")
            .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("firmware"), PathBuf::from);
        let path = directory.join(name).with_extension("elf");
        if path.is_file() { Ok(Self(path)) } else { Err(format!("no {}; .ci/targets builds it", path.display())) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Lan {
    /// Plugs in a board that runs `firmware`, and turns it on. It has the address `192.0.2.9` whatever its number is.
    pub(crate) fn board(&self, number: u8, firmware: &Firmware) -> Board {
        let port = self.tap(number);
        let (reader, writer) = pipe().unwrap();
        let mut command = Command::new("qemu-system-arm");
        command
            .args(["-machine", "lm3s6965evb", "-nodefaults", "-display", "none", "-semihosting", "-serial", "stdio"])
            .arg("-nic")
            .arg(format!("tap,ifname={port},script=no,downscript=no,mac=02:00:00:00:00:{number:02x}"))
            .arg("-kernel")
            .arg(&firmware.0)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let process = Mutex::new(command.spawn().unwrap());
        // It holds the other ends of the pipe.
        drop(command);
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&said);
        thread::spawn(move || {
            let read = BufReader::new(File::from(reader)).lines().map_while(Result::ok);
            read.for_each(|line| lines.lock().unwrap().push(line));
        });
        Board { number, process, said }
    }
}

impl Board {
    /// The lines so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Returns how many lines contain `text`.
    pub(crate) fn has_said(&self, text: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until `count` lines contain `text`.
    #[track_caller]
    pub(crate) fn until_said(&self, text: &str, count: usize) {
        until(&format!("board {} says {text:?} {count} times", self.number), || {
            self.assert_runs();
            self.has_said(text) >= count
        });
    }

    /// Panics where the program has ended, as it does on a panic of its own.
    #[track_caller]
    pub(crate) fn assert_runs(&self) {
        let ended = self.process.lock().unwrap().try_wait().unwrap();
        assert!(ended.is_none(), "board {} has ended: {:?}", self.number, ended);
    }

    /// Turns it off, in the middle of whatever it does, and unplugs it.
    pub(crate) fn turn_off(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        ip(&format!("link delete {}", port(self.number)));
    }
}

/// The switch's end of its cable.
fn port(number: u8) -> String {
    format!("port{number}")
}

impl Drop for Board {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
        if thread::panicking() {
            eprintln!("board {} said:\n  {}", self.number, self.said.lock().unwrap().join("\n  "));
        }
    }
}
