//! Carries out what the outside asks of a running driver, and answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use vrrp_core::{Cause, Drain, Input, Instant, Priority, Reading, Role, RouterId, TrackerId, Transition};

use super::command::{Command, Reply};
use super::owed::{Draining, Owed};
use super::state::{Driver, RunningRouter};
use crate::clock;
use crate::error::{DrainError, NoSuchRouter, TrackError};
use crate::status::{Drained, RouterState};
use crate::warning::Warning;

impl Driver {
    /// Carries out a command, and answers. Who asked may be gone by then: nothing is lost.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Track(id, tracker, reading, reply) => {
                let _ = reply.send(self.track(id, tracker, reading));
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Record(reply) => {
                let _ = reply.send(self.set.recorded());
            }
            Command::SetRecorderSize(octets, reply) => {
                self.set.set_recorder_size(octets);
                let _ = reply.send(());
            }
            Command::Running(reply) => {
                let running = self.routers.iter().map(|running| (running.id, Arc::clone(&running.asked)));
                let _ = reply.send(running.collect());
            }
            Command::Apply { changes, reply } => self.apply(changes, reply),
            Command::Found(found, reply) => {
                self.warn_of_concerns(found);
                let _ = reply.send(());
            }
            Command::SetPriority(id, priority, reply) => {
                let _ = reply.send(self.known(id).map(|()| self.set_priority(id, priority)));
            }
            Command::Drain(id, drain, reply) => self.drain_router(id, drain, reply),
            Command::Undrain(id, reply) => {
                let _ = reply.send(self.known(id).map(|()| self.undrain(id)));
            }
            Command::Stop(id, reply) => match self.known(id) {
                Ok(()) => {
                    self.set.handle(clock::now(), id, Input::Shutdown);
                    self.follow_orders();
                    self.owed.stops.push((id, reply));
                }
                error => drop(reply.send(error)),
            },
            Command::Start(id, reply) => {
                let _ = reply.send(self.known(id).map(|()| self.set.handle(clock::now(), id, Input::Startup)));
            }
            Command::Subscribe(reply) => {
                let _ = reply.send(self.reporter.subscribe());
            }
            Command::Watch(id, reply) => {
                let _ = reply.send(self.watch(id).ok_or(NoSuchRouter(id)));
            }
            // The loop sees to these itself.
            Command::StopAll(_) | Command::Suspend(_) => {}
        }
    }

    /// Gives the answers that are due.
    pub(super) fn answer_owed(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        let Owed { drains, stops, owners } = std::mem::take(&mut self.owed);
        // A router that is forgotten by now has no addresses either.
        let (gone, stops): (Vec<_>, Vec<_>) = stops.into_iter().partition(|(id, _)| self.is_settled(*id));
        for (_, reply) in gone {
            let _ = reply.send(Ok(()));
        }
        let is_over = |draining: &Draining| draining.end.is_some() && self.is_settled(draining.id);
        let (over, drains): (Vec<_>, Vec<_>) = drains.into_iter().partition(is_over);
        for Draining { end, reply, .. } in over {
            let _ = end.map(|end| reply.send(Ok(end)));
        }
        let (settled, owners): (Vec<_>, Vec<_>) = owners.into_iter().partition(|id| self.is_settled(*id));
        self.owed = Owed { drains, stops, owners };
        settled.into_iter().for_each(|id| self.close(id));
    }

    /// A router changed its state: that may end a drain.
    pub(super) fn follow_drain(&mut self, id: RouterId, transition: &Transition) {
        if self.owed.drains.is_empty() || transition.from != Role::Master || transition.to == Role::Master {
            return;
        }
        let cause = match transition.cause {
            Cause::GroupYielded(member) => self.set.get(member).map(|member| *member.cause()),
            cause => Some(cause),
        };
        let end = match cause {
            Some(Cause::HandedOver { to }) => Drained::HandedOver { to },
            _ => Drained::NotMaster,
        };
        self.owed.end_drain(id, end);
    }

    /// A Master that was drained goes on.
    pub(super) fn nobody_took_over(&mut self, id: RouterId) {
        self.owed.end_drain(id, Drained::NobodyTookOver);
        self.show(id);
    }

    /// A router is to be forgotten: whoever waits for it is answered.
    pub(super) fn forsake(&mut self, id: RouterId) {
        self.owed.end_drain(id, Drained::NotMaster);
        self.answer_owed();
        self.owed.owners.retain(|other| *other != id);
    }

    /// Shows the state of a router to who watches it.
    pub(super) fn show(&mut self, id: RouterId) {
        let state = self.state(id);
        let watched = self.routers.get_mut(id).and_then(|running| running.watched.as_mut());
        let (Some(watched), Some(mut state)) = (watched, state) else { return };
        watched.send_if_modified(|shown| {
            if (shown.role, shown.cause) == (state.role, state.cause) {
                // By two clocks it is never the same twice.
                state.since = shown.since;
            }
            let is_news = *shown != state;
            *shown = state;
            is_news
        });
    }

    fn known(&self, id: RouterId) -> Result<(), NoSuchRouter> {
        let running = self.routers.get(id).filter(|_| !self.changing.is_leaving(id));
        running.map(|_| ()).ok_or(NoSuchRouter(id))
    }

    fn track(&mut self, id: RouterId, tracker: TrackerId, reading: Reading) -> Result<(), TrackError> {
        let running = self.routers.get(id).ok_or(NoSuchRouter(id))?;
        if running.router.config.tracker(tracker).is_none() {
            return Err(TrackError::UnknownTracker { name: running.router.name.clone(), tracker });
        }
        self.consider(id, [Input::Tracker(tracker, reading)]);
        Ok(())
    }

    /// An owner has other rights on its addresses.
    fn set_priority(&mut self, id: RouterId, priority: Priority) {
        let Some(running) = self.routers.get_mut(id) else { return };
        let was_owner = running.router.config.priority().is_owner();
        running.router.config = running.router.config.clone().with_priority(priority);
        let router = running.router.clone();
        self.set.set_priority(clock::now(), id, priority);
        if was_owner != priority.is_owner() {
            let asks = self.holdings.readdress(id, &router);
            self.ask(asks);
            self.warn_of_owners(&[id]);
            if let Err(error) = self.refilter(std::iter::empty()) {
                self.warn(Warning::FilterNotChanged(error.into()));
            }
            self.follow_orders();
            self.owed.owners.push(id);
        }
    }

    /// Drains a router, and with it its sync group.
    fn drain_router(&mut self, id: RouterId, drain: Drain, reply: Reply<Result<Drained, DrainError>>) {
        let refusal = match self.known(id) {
            Err(error) => Some(error.into()),
            Ok(()) => self.own_address(id).map(|(name, address)| DrainError::OwnAddress { name, address }),
        };
        if let Some(refusal) = refusal {
            let _ = reply.send(Err(refusal));
            return;
        }
        self.set.handle(clock::now(), id, Input::Drain(drain));
        match self.role(id) {
            Some(Role::Master) => self.owed.drains.push(Draining { id, end: None, reply }),
            _ => drop(reply.send(Ok(Drained::NotMaster))),
        }
        self.together_with(id).into_iter().for_each(|id| self.show(id));
    }

    fn undrain(&mut self, id: RouterId) {
        self.set.handle(clock::now(), id, Input::Undrain);
        for id in self.together_with(id) {
            self.owed.end_drain(id, Drained::Undone);
            self.show(id);
        }
    }

    /// The router and the members of its sync group.
    fn together_with(&self, id: RouterId) -> Vec<RouterId> {
        let Some(running) = self.routers.get(id) else { return Vec::new() };
        let group = running.router.sync_group.as_ref();
        let is_meant =
            |other: &&RunningRouter| other.id == id || (group.is_some() && other.router.sync_group.as_ref() == group);
        self.routers.iter().filter(is_meant).map(|running| running.id).collect()
    }

    /// An address that is the host's own, whoever is Master, of an owner that would be drained with this router.
    fn own_address(&self, id: RouterId) -> Option<(String, IpAddr)> {
        let members = self.together_with(id);
        members.iter().filter_map(|id| self.routers.get(*id)).find_map(|running| {
            let is_real = |address: &IpAddr| {
                self.monitor.links().any(|link| {
                    let mut there = self.monitor.at(link.index, *address);
                    there.any(|it| !it.marked && !self.holdings.is_ours(link.index, *address, it.prefix_len))
                })
            };
            let config = &running.router.config;
            let owned = if config.priority().is_owner() { config.addresses() } else { &[] };
            Some((running.router.name.clone(), owned.iter().copied().find(is_real)?))
        })
    }

    fn watch(&mut self, id: RouterId) -> Option<watch::Receiver<RouterState>> {
        let state = self.state(id)?;
        let watched = &mut self.routers.get_mut(id)?.watched;
        Some(watched.get_or_insert_with(|| watch::channel(state).0).subscribe())
    }

    fn state(&self, id: RouterId) -> Option<RouterState> {
        let router = self.set.get(id)?;
        let status = router.status();
        let ago = |at: Instant| clock::now().since(at);
        let since = |at| SystemTime::now().checked_sub(ago(at)).unwrap_or(SystemTime::UNIX_EPOCH);
        Some(RouterState {
            role: status.role,
            priority: status.priority,
            since: Some(status.since).filter(|_| status.cause != Cause::New).map(since),
            cause: status.cause,
            drain: router.drain_status(),
        })
    }
}
