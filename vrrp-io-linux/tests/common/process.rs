//! Routers in a process of their own, which can be killed and stopped.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use std::{env, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vrrp_core::{AdvertInterval, Profile};
use vrrp_io_linux::start;

use super::{Host, LIMIT, config, router};

/// Set in the process: `priority interval-in-cs address lease`.
const THIS_IS_ONE: &str = "VRRP_TEST_ROUTER";

/// A router, or a program that runs one.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    story: Vec<String>,
}

impl Process {
    /// To be called first in a test that has some: in such a process it is all that happens.
    pub fn is_this() -> bool {
        let Ok(spec) = env::var(THIS_IS_ONE) else { return false };
        let mut words = spec.split(' ');
        let mut word = || words.next().unwrap();
        let (priority, interval, address): (u8, u16, IpAddr) =
            (word().parse().unwrap(), word().parse().unwrap(), word().parse().unwrap());
        let lease = word() == "true";
        let config = config(Profile::Rfc9568Errata, priority, &[address])
            .with_interval(AdvertInterval::from_centis(interval).unwrap())
            .unwrap();
        let (_vrrp, mut events) = start([router(config.with_lease(lease))]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            while let Some(event) = events.recv().await {
                println!("{event}");
            }
        });
        true
    }

    /// Runs the test that is running once more, on `host`.
    pub fn start(host: &Host, priority: u8, centis: u16, address: IpAddr) -> Self {
        Self::start_with(host, format!("{priority} {centis} {address} true"))
    }

    /// The same, with five advertisements a second and no lease on the address.
    pub fn start_without_lease(host: &Host, priority: u8, address: IpAddr) -> Self {
        Self::start_with(host, format!("{priority} 20 {address} false"))
    }

    fn start_with(host: &Host, spec: String) -> Self {
        let name = env::args().skip_while(|argument| argument != "--exact").nth(1).expect("inside a namespace");
        let child = host.run(move || {
            Command::new(env::current_exe().unwrap())
                .args(["--exact", &name, "--nocapture", "--test-threads=1"])
                .env(THIS_IS_ONE, spec)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        });
        Self::of(child)
    }

    /// Any program that prints what happens on its standard output; killed when dropped.
    pub fn of(mut child: Child) -> Self {
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, story: Vec::new() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of its log; returns it.
    pub fn until(&mut self, text: &str) -> String {
        self.until_any(&[text])
    }

    /// Waits for a line that has one of these; returns it.
    pub fn until_any(&mut self, texts: &[&str]) -> String {
        let end = Instant::now() + LIMIT;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.story.push(line.clone());
            if texts.iter().any(|text| line.contains(text)) {
                return line;
            }
        }
        panic!("{texts:?} did not happen, but:\n{}", self.story());
    }

    /// Every line of its log so far.
    pub fn story(&mut self) -> String {
        self.story.extend(self.lines.try_iter());
        self.story.join("\n")
    }

    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
