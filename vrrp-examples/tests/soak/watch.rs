//! Watches who has which address, without a pause.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::Host;

const PAUSE: Duration = Duration::from_millis(5);

/// What must have exactly one holder now, and what has not.
pub(crate) struct Watch {
    state: Mutex<State>,
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Addresses that have one, and since when nothing about that has changed.
    expected: BTreeMap<String, Instant>,
    wrong: Option<String>,
}

/// Ends the watch when it is dropped, with a panic where something was wrong.
pub(crate) struct Ending<'a>(&'a Watch);

impl Watch {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), over: AtomicBool::new(false) }
    }

    /// From now on these have one holder. Panics where one of those before had another number.
    #[track_caller]
    pub(crate) fn expect(&self, addresses: impl IntoIterator<Item = (u8, String)>) {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let before = std::mem::take(&mut state.expected);
        let since = |address: String| {
            let since = before.get(&address).copied().unwrap_or(now);
            (address, since)
        };
        state.expected = addresses.into_iter().map(|(_, address)| since(address)).collect();
        assert_eq!(state.wrong, None);
    }

    pub(crate) const fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// Looks again and again, until the end.
    pub(crate) fn run(&self, hosts: &[Host; 2]) {
        while !self.over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let held = [0, 1].map(|at| holds(&hosts[at]));
            self.state.lock().unwrap_or_else(PoisonError::into_inner).look(&held, begun);
            thread::sleep(PAUSE);
        }
    }
}

impl State {
    /// Takes in what the hosts held at some moment after `begun`.
    fn look(&mut self, held: &[BTreeSet<String>; 2], begun: Instant) {
        let wrong = self.expected.iter().filter(|(_, since)| **since <= begun).find_map(|(address, since)| {
            let holders = held.iter().filter(|held| held.contains(address)).count();
            let after = since.elapsed();
            (holders != 1).then(|| format!("{address} has {holders} holders, {after:?} after it had one"))
        });
        self.wrong = self.wrong.take().or(wrong);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
        if !thread::panicking() {
            assert_eq!(self.0.state.lock().unwrap().wrong, None);
        }
    }
}

/// The virtual addresses that a host has.
pub(crate) fn holds(host: &Host) -> BTreeSet<String> {
    let shown = host.ip("-4 -oneline address show dev eth0");
    let addresses = shown.lines().filter_map(|line| line.split("inet ").nth(1)?.split('/').next());
    addresses.filter(|address| *address != host.address().to_string()).map(str::to_owned).collect()
}

#[test]
fn an_address_without_a_holder_and_one_with_two_are_noticed() {
    let on = |addresses: &[&str]| addresses.iter().map(|&address| address.to_owned()).collect::<BTreeSet<_>>();
    let wrong = |expected: &str, held: [BTreeSet<String>; 2], early: bool| {
        let begun = Instant::now();
        let since = if early { begun + PAUSE } else { begun };
        let mut state = State { expected: [(expected.to_owned(), since)].into(), wrong: None };
        state.look(&held, begun);
        state.wrong
    };
    assert_eq!(wrong("a", [on(&["a", "b"]), on(&["b"])], false), None);
    assert!(wrong("b", [on(&["a", "b"]), on(&["b"])], false).is_some_and(|text| text.starts_with("b has 2 holders")));
    assert!(wrong("c", [on(&["a"]), on(&[])], false).is_some_and(|text| text.starts_with("c has 0 holders")));
    assert_eq!(wrong("c", [on(&["a"]), on(&[])], true), None, "it was looked at before");
}
