//! vrrpd beside keepalived: two hosts with the same configuration that hear nothing of each other.

use crate::common::{Host, Keepalived, Lan, Vrrpd, until};

/// vrrpd on one host and keepalived on the next. Any other host hears both, and both hear it.
pub(crate) struct Beside<'a> {
    lan: &'a Lan,
    pub(crate) ours: Host,
    pub(crate) theirs: Host,
}

impl<'a> Beside<'a> {
    /// Plugs in hosts `number` and `number` + 1.
    pub(crate) fn new(lan: &'a Lan, number: u8) -> Self {
        let (ours, theirs) = (lan.host(number), lan.host(number + 1));
        lan.split(&[&ours, &theirs], true);
        Self { lan, ours, theirs }
    }

    /// Does the same on both hosts.
    pub(crate) fn both(&self, work: impl Fn(&Host)) {
        [&self.ours, &self.theirs].iter().for_each(|host| work(host));
    }

    /// Writes a file on both hosts, whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.both(|host| {
            let scratch = host.path(&format!(".{name}"));
            std::fs::write(&scratch, text).unwrap();
            std::fs::rename(scratch, host.path(name)).unwrap();
        });
    }

    /// Starts both daemons; `arguments` are the same words for both.
    pub(crate) fn start(&self, configuration: &str, arguments: &[&str]) -> (Vrrpd, Keepalived) {
        let keepalived = self.theirs.keepalived_with(configuration, arguments);
        (self.ours.vrrpd_with(configuration, arguments), keepalived)
    }

    /// Waits until both advertise `priority` for a router, then compares what they say.
    #[track_caller]
    pub(crate) fn until_both_say(&self, vrid: u8, priority: u8) {
        [&self.ours, &self.theirs].iter().for_each(|host| self.until_says(host, vrid, priority));
        assert_eq!(self.said(&self.ours, vrid), self.said(&self.theirs, vrid), "VRID {vrid}");
    }

    /// Waits until a host advertises `priority` for a router.
    #[track_caller]
    pub(crate) fn until_says(&self, host: &Host, vrid: u8, priority: u8) {
        let what = format!("host {} says priority {priority} for VRID {vrid}", host.number());
        until(&what, || self.said(host, vrid).is_some_and(|said| said.message[2] == priority));
    }

    /// Waits until a host has said its release of a router, and has lost `address`.
    #[track_caller]
    pub(crate) fn until_left(&self, host: &Host, vrid: u8, address: &str) {
        self.until_says(host, vrid, 0);
        until(&format!("host {} has no {address}", host.number()), || !host.has(address));
    }

    /// Returns what a host said last for a router.
    fn said(&self, host: &Host, vrid: u8) -> Option<Said> {
        let advert = self.lan.wire().adverts(host.number()).into_iter().rfind(|advert| advert.vrid == vrid)?;
        let mut message = advert.message;
        // In version 3 the checksum is over the source too.
        message[6..8].fill(0);
        Some(Said { destination: advert.destination, ttl: advert.ttl, message })
    }
}

/// An advertisement without who sent it.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    destination: std::net::Ipv4Addr,
    ttl: u8,
    message: Vec<u8>,
}
