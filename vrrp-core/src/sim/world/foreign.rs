//! Packets that no router of this crate sent: those of other nodes, and injected ones.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::World;
use crate::sim::attack::STRANGER;
use crate::sim::network::{Arrival, Carries, Frame, HostId, LanId};
use crate::sim::node::{BoxedNode, ForeignHost, Transmission};
use crate::sim::recorder::Sent;
use crate::types::{Family, Priority};
use crate::wire::{self, Dump, Endpoints, Packet, RxPacket};

impl World {
    pub(in crate::sim) fn add_node(&mut self, node: Box<dyn BoxedNode>, lans: &[LanId]) -> HostId {
        let host = self.add_host();
        for lan in lans {
            self.attach(host, *lan);
            if let Some(host) = self.hosts.get_mut(host.index()) {
                host.add_interface(*lan);
            }
        }
        self.foreign.push(ForeignHost { host, is_on: false, node });
        host
    }

    fn foreign(&mut self, host: HostId) -> Option<&mut ForeignHost> {
        self.foreign.iter_mut().find(|foreign| foreign.host == host)
    }

    /// Turns a host on or off if it is of another make. Returns false if it is not.
    pub(super) fn turn_foreign(&mut self, host: HostId, on: bool) -> bool {
        let Some(foreign) = self.foreign(host) else { return false };
        let wakes = on && !foreign.is_on;
        foreign.is_on = on;
        if let Some(host) = self.hosts.get_mut(host.index()) {
            host.never_started = false;
        }
        if wakes {
            return self.wake_foreign(host);
        }
        self.plan_wake(host);
        true
    }

    /// Wakes a host if it is of another make. Returns false if it is not.
    pub(super) fn wake_foreign(&mut self, host: HostId) -> bool {
        let now = self.now;
        let Some(foreign) = self.foreign(host) else { return false };
        let transmissions = if foreign.is_on { foreign.node.wake(now) } else { Vec::new() };
        if foreign.is_on && foreign.node.next_wake().is_some_and(|at| at <= now) {
            self.violation = Some(format!("host {} wants to be woken at a moment that is over", host.index()));
        }
        self.transmit(host, transmissions);
        self.plan_wake(host);
        true
    }

    pub(super) fn is_foreign(&self, host: HostId) -> bool {
        self.foreign.iter().any(|foreign| foreign.host == host)
    }

    /// Hands what arrived to a host of another make, if that is on.
    pub(super) fn arrive_foreign(&mut self, arrival: Arrival) {
        let (now, host) = (self.now, arrival.to);
        let Self { network, foreign, hosts, .. } = self;
        let foreign = foreign.iter_mut().find(|foreign| foreign.host == host && foreign.is_on);
        let packet = network.packet(&arrival);
        let is_up = |lan: LanId| hosts.get(host.index()).is_some_and(|host| host.interface(lan).up);
        let Some((foreign, (lan, packet))) = foreign.zip(packet).filter(|(_, (lan, _))| is_up(*lan)) else {
            return self.unheard(arrival);
        };
        let transmissions = foreign.node.receive(now, lan, packet);
        self.network.done(arrival);
        self.transmit(host, transmissions);
        self.plan_wake(host);
    }

    fn plan_wake(&mut self, host: HostId) {
        let now = self.now;
        let Some(foreign) = self.foreign(host) else { return };
        let at = foreign.node.next_wake().filter(|_| foreign.is_on).map(|at| at.max(now.plus_nanos(1)));
        self.timers.set(u32::from(host.0), at);
    }

    fn transmit(&mut self, host: HostId, transmissions: Vec<Transmission>) {
        for transmission in transmissions {
            match transmission {
                Transmission::Packet { lan, endpoints, ttl, payload } if self.is_up(host, lan) => {
                    self.inject(lan, Some(host), RxPacket { endpoints, ttl, payload: &payload });
                }
                Transmission::Announcement { lan, address } if self.is_up(host, lan) => {
                    let carries = Carries::Announcement(address);
                    let frame = Frame { carries, ..Frame::forged(self.now, host) };
                    let Some(endpoints) = Endpoints::new(address, Family::of(address).group()) else { continue };
                    self.neighbours.excuse(lan, address);
                    self.neighbours.see(lan, host, &frame);
                    self.network.send_frame(lan, frame, None, endpoints, &[]);
                }
                _ => {}
            }
        }
    }

    /// Sends a packet that no router of this crate made; `None`: a stranger sends it.
    pub(super) fn inject(&mut self, lan: LanId, from: Option<HostId>, packet: RxPacket<'_>) {
        let RxPacket { endpoints, ttl, payload } = packet;
        self.injects = true;
        if let Some(centis) = Dump::new(payload, endpoints, ttl).interval_centis() {
            self.longest_forged = self.longest_forged.max(Duration::from_millis(10 * u64::from(centis)));
        }
        let read = Packet::parse(wire::peek_version(payload), payload, endpoints).ok();
        // Only an advertisement is told of.
        let number = read.and_then(|read| Some((read.vrid()?, read.priority().map_or(0, Priority::get))));
        let number = number.map(|(vrid, priority)| {
            let (at, key) = (self.now, (lan, endpoints.family(), vrid));
            self.recorder.sent(Sent { at, host: STRANGER, key, kind: None, priority })
        });
        let frame = Frame { number, ttl, ..Frame::forged(self.now, from.unwrap_or(STRANGER)) };
        if let Some(host) = from {
            self.neighbours.see(lan, host, &frame);
        }
        self.network.send_frame(lan, frame, None, endpoints, payload);
    }
}
