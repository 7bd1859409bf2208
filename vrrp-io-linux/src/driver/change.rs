//! Changes of what runs, one after the other, each in stages: what can fail comes first, and what waits for the kernel or for a
//! thread holds up nobody. A start is a change that adds everything.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::sync::oneshot;
use vrrp_core::{Input, Instant, Role, RouterId};

use super::changing::{Applying, ChangeReply, ChangeStep, Filtering, Stage, Task};
use super::command::Change;
use super::lineup::{self, Crowds};
use super::open::{self, opening_failed};
use super::punctuality::has_all;
use super::state::Driver;
use crate::claims::Refusal;
use crate::clock;
use crate::error::{ChangeError, StartError};
use crate::packets::needs::{Needs, Ready};
use crate::router::Router;
use crate::warning::Warning;

/// The time to wait for news of macvlans that were made; a router that is not ready by then waits as for any interface.
const NEWS_LIMIT: Duration = Duration::from_secs(1);
/// The time that the kernel has to answer. It takes some milliseconds; with thousands of addresses seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The next step of a change.
enum Progress {
    /// To wait.
    Waits,
    To(Stage),
    Done,
}

impl Driver {
    /// Begins with the routers that are there, none of them started.
    pub(super) fn begin_start(&mut self) {
        let ids: Vec<RouterId> = self.ids().collect();
        self.warn_of_owners(&ids);
        self.take_over_host();
        self.sweep();
        ids.iter().for_each(|id| self.follow_macvlan(*id));
        let ports: BTreeMap<usize, Needs> = self.ports.iter().map(|(number, port)| (number, port.needs)).collect();
        self.changing.current = Some(Box::new(Applying {
            steps: ids.into_iter().map(ChangeStep::Added).collect(),
            answer: None,
            opened: ports.keys().copied().collect(),
            ports,
            groups: BTreeSet::new(),
            stage: Stage::Making,
            limit: clock::now() + NEWS_LIMIT,
        }));
    }

    /// Tells whether no change is being made or waiting.
    pub(super) fn is_unchanging(&self) -> bool {
        self.changing.current.is_none() && self.changing.waiting.is_empty()
    }

    /// Carries out changes when those that came before are done.
    pub(super) fn apply(&mut self, changes: Vec<Change>, answer: ChangeReply) {
        self.changing.waiting.push_back((changes, answer));
    }

    /// Goes on with what is being changed, as far as that needs nobody else.
    pub(super) fn advance(&mut self) {
        loop {
            let Some(mut applying) = self.changing.current.take() else {
                let Some((changes, answer)) = self.changing.waiting.pop_front() else { return };
                match self.begin(changes) {
                    Ok(applying) => {
                        self.changing.current = Some(Box::new(Applying { answer: Some(answer), ..applying }))
                    }
                    Err(error) => drop(answer.send(Err(error))),
                }
                continue;
            };
            match self.proceed(&mut applying) {
                Ok(Progress::Waits) => {
                    self.changing.current = Some(applying);
                    return;
                }
                Ok(Progress::To(stage)) => {
                    let patience =
                        if matches!(stage, Stage::Making | Stage::Going(_)) { NEWS_LIMIT } else { ANSWER_LIMIT };
                    applying.limit = clock::now() + patience;
                    applying.stage = stage;
                    self.changing.current = Some(applying);
                }
                // The caller may have gone.
                Ok(Progress::Done) => {
                    let ids = applying.steps.iter().filter_map(ChangeStep::id).collect();
                    let _ = applying.answer.map(|answer| answer.send(Ok(ids)));
                }
                Err(error) => {
                    self.undo(&applying);
                    let _ = applying.answer.map(|answer| answer.send(Err(error)));
                }
            }
        }
    }

    /// Returns when a change waits no longer for the kernel. A thread reports its end itself.
    pub(super) fn change_limit(&self) -> Option<Instant> {
        let applying = self.changing.current.as_ref()?;
        match applying.stage {
            Stage::Leaving | Stage::Making | Stage::Settling | Stage::Going(_) => Some(applying.limit),
            Stage::Claiming(_) | Stage::Filtering(..) | Stage::Closing(_) => None,
        }
    }

    /// Tells whether a thread has done what a change waits for.
    pub(super) fn poll_change(&mut self, cx: &mut Context<'_>) -> bool {
        match self.changing.current.as_mut().map(|applying| &mut applying.stage) {
            Some(Stage::Claiming(task) | Stage::Closing(task)) => task.poll(cx),
            _ => false,
        }
    }

    /// Checks everything that can be, and changes nothing but that there are ports for all.
    fn begin(&mut self, changes: Vec<Change>) -> Result<Applying, ChangeError> {
        let lineup = lineup::after(&self.routers, &changes)?;
        lineup::check(lineup.iter().copied())?;
        let groups = self.changed_groups(&changes);
        let places = changes.iter().filter_map(|change| match change {
            Change::Add(router) | Change::Reconfigure(_, router) => Some(router),
            Change::Remove(id) => self.routers.get(*id).map(|running| &running.router),
        });
        let places: BTreeSet<(String, _)> =
            places.map(|router| (router.interface.clone(), router.config.family())).collect();
        let numbers: BTreeMap<(String, _), usize> =
            places.into_iter().map(|(name, family)| ((name.clone(), family), self.port_of(&name, family))).collect();
        let ports = numbers.values().filter_map(|number| Some((*number, self.ports.get(*number)?.needs))).collect();
        // Routers that go stay claimed until they are gone.
        let mut needs: BTreeMap<usize, Needs> = BTreeMap::clone(&ports);
        let comes = changes.iter().filter_map(|change| match change {
            Change::Add(router) | Change::Reconfigure(_, router) => Some(router),
            Change::Remove(_) => None,
        });
        for router in comes {
            let number = numbers.get(&(router.interface.clone(), router.config.family()));
            number.and_then(|number| needs.get_mut(number)).into_iter().for_each(|needs| needs.add(router));
        }
        needs.retain(|number, needs| ports.get(number) != Some(needs));
        open::allow_files(self.ports.len());
        let opened = needs.keys().copied().collect();
        let plan = self.ports.plan(needs, |name| self.monitor.link_by_name(name));
        let steps = changes.into_iter().map(ChangeStep::from).collect();
        let stage = Stage::Claiming(Task::new(plan.start()));
        Ok(Applying { steps, answer: None, ports, opened, groups, stage, limit: clock::now() + ANSWER_LIMIT })
    }

    /// The sync groups that a router leaves, joins, or has another place in.
    fn changed_groups(&self, changes: &[Change]) -> BTreeSet<String> {
        let now = |id: &RouterId| self.routers.get(*id).map(|running| &running.router);
        let pairs = changes.iter().map(|change| match change {
            Change::Add(router) => (None, Some(router)),
            Change::Remove(id) => (now(id), None),
            Change::Reconfigure(id, router) => (now(id), Some(router)),
        });
        let place = |router: &Router| Some((router.sync_group.clone()?, router.rank));
        let places = pairs.map(|(before, after)| (before.and_then(place), after.and_then(place)));
        let changed = places.filter(|(before, after)| before != after);
        changed.flat_map(|(before, after)| [before, after]).flatten().map(|(name, _)| name).collect()
    }

    fn proceed(&mut self, applying: &mut Applying) -> Result<Progress, ChangeError> {
        let is_over = clock::now() >= applying.limit;
        let next = match &mut applying.stage {
            Stage::Claiming(task) => match task.take() {
                None => return Ok(Progress::Waits),
                Some(claimed) => {
                    let ready = self.claimed(claimed, applying)?;
                    let filtering = self.refilter(applying.coming()).into();
                    Stage::Filtering(ready, filtering)
                }
            },
            Stage::Filtering(_, Filtering { awaited: Some(_), failed: None }) => return Ok(Progress::Waits),
            Stage::Filtering(ready, filtering) => {
                filtering.failed.take().map_or(Ok(()), |error| Err(open::filtering_failed(error)))?;
                let ready = std::mem::take(ready);
                self.open(ready)?;
                self.leave(applying);
                Stage::Leaving
            }
            Stage::Leaving => {
                if !is_over && !applying.removed().all(|id| self.is_settled(id)) {
                    return Ok(Progress::Waits);
                }
                self.exchange(applying)?;
                Stage::Making
            }
            Stage::Making => {
                // Of two with the same MAC address on one interface only one can be up.
                let waits = self.macvlans.any_pending(&self.monitor) || !self.macvlans_going.is_empty();
                if waits && !is_over {
                    return Ok(Progress::Waits);
                }
                self.run_as_wanted(applying);
                Stage::Settling
            }
            Stage::Settling => {
                if !is_over && !applying.reconfigured().all(|id| self.is_settled(id)) {
                    return Ok(Progress::Waits);
                }
                Stage::Closing(self.close_behind(applying))
            }
            Stage::Closing(task) => match task.take() {
                None => return Ok(Progress::Waits),
                // Claims that could not be let go of are held until the next change.
                Some(ready) => {
                    self.narrow(ready.ok().and_then(Result::ok).unwrap_or_default());
                    Stage::Going(self.refilter(std::iter::empty()).into())
                }
            },
            Stage::Going(filtering) => {
                let waits = filtering.awaited.is_some() || !self.macvlans_going.is_empty();
                if waits && !is_over {
                    return Ok(Progress::Waits);
                }
                // It is as closed as it must be, if not as open as it may be.
                if let Some(error) = filtering.failed.take() {
                    self.warn(Warning::FilterNotChanged(error.into()));
                }
                return Ok(Progress::Done);
            }
        };
        Ok(Progress::To(next))
    }

    fn claimed(
        &self,
        claimed: Result<Result<Vec<Ready>, Refusal>, oneshot::error::RecvError>,
        applying: &Applying,
    ) -> Result<Vec<Ready>, StartError> {
        let claimed = claimed.map_err(|_| Refusal::Os(io::Error::other("its thread could not be started")));
        claimed
            .and_then(|claimed| claimed)
            .map_err(|refusal| self.refused_claim(refusal, applying.coming().map(|(_, router)| router)))
    }

    /// Has ports take over what their routers need, and opens those that are new. What waits for an interface is opened when
    /// that is there.
    pub(super) fn open(&mut self, ready: Vec<Ready>) -> Result<(), StartError> {
        for (number, needs, claim) in ready {
            let Some(port) = self.ports.get_mut(number) else { continue };
            port.change(needs, claim).map_err(io::Error::from).map_err(opening_failed)?;
            if let Some(link) = self.monitor.link_by_name(&port.name) {
                port.open(link).map_err(opening_failed)?;
            }
        }
        Ok(())
    }

    /// Ports need less from now on.
    fn narrow(&mut self, ready: Vec<Ready>) {
        for (number, needs, claim) in ready {
            let changed = self.ports.get_mut(number).map(|port| port.change(needs, claim));
            if changed.is_some_and(|changed| changed.is_ok()) {
                self.follow_port(number);
            }
        }
    }

    /// Nothing was changed but ports, and the packet filter.
    fn undo(&mut self, applying: &Applying) {
        for (number, needs) in &applying.ports {
            if *needs == Needs::default() {
                self.close_port(*number);
            } else if let Some(port) = self.ports.get_mut(*number) {
                // It has claimed more than that; less is claimed with the next change.
                let _ = port.change(*needs, None);
                self.follow_port(*number);
            }
        }
        // More is closed than must be: that is put right with the next change.
        let _ = self.refilter(std::iter::empty());
    }

    /// Releases the routers that go. The others of their sync groups go on.
    fn leave(&mut self, applying: &Applying) {
        for id in applying.removed() {
            self.set.ungroup(clock::now(), id);
            self.set.handle(clock::now(), id, Input::Shutdown);
        }
        self.follow_orders();
    }

    /// Forgets the routers that are gone, and takes in those that come.
    fn exchange(&mut self, applying: &mut Applying) -> Result<(), StartError> {
        for id in applying.removed().collect::<Vec<_>>() {
            self.drop_macvlan(id);
            self.forsake(id);
            self.strike(id);
        }
        let crowds = Crowds::of(self.routers.iter().map(|running| &*running.asked).chain(applying.added()));
        let mut added = Vec::new();
        for step in &mut applying.steps {
            if let ChangeStep::Add(router) = step {
                let id = self.enlist(router.clone(), &crowds)?;
                added.push(id);
                *step = ChangeStep::Added(id);
            }
        }
        self.warn_of_owners(&added);
        self.sweep_for(&added);
        for id in added {
            let router = self.routers.get(id).map(|running| Arc::clone(&running.asked));
            router.into_iter().for_each(|router| self.add_macvlan(id, &router));
        }
        for (id, router) in applying.becomes() {
            self.exchange_macvlan(id, router, &crowds);
        }
        Ok(())
    }

    /// Every router gets the configuration that is wanted, and those that came are started.
    fn run_as_wanted(&mut self, applying: &mut Applying) {
        let becomes: BTreeMap<RouterId, &Router> = applying.becomes().collect();
        let stays = self.routers.iter().filter(|running| !becomes.contains_key(&running.id));
        let crowds = Crowds::of(stays.map(|running| &*running.asked).chain(becomes.values().copied()));
        let ids: Vec<RouterId> = becomes.keys().copied().collect();
        for (id, router) in becomes {
            self.replace(id, router.clone(), &crowds);
        }
        self.relet(&crowds);
        self.regroup(&applying.groups);
        self.gathers = open::may_gather(self.routers.iter().map(|running| &running.router));
        let started: Vec<RouterId> = applying.started().collect();
        self.launch(&started, &applying.opened);
        ids.into_iter().for_each(|id| self.show(id));
        self.follow_orders();
    }

    /// Starts routers that are there, on these ports.
    fn launch(&mut self, ids: &[RouterId], ports: &[usize]) {
        let running = ids.iter().filter_map(|id| self.routers.get(*id));
        let devices: BTreeSet<String> = running.flat_map(|running| running.devices.to_vec()).collect();
        // Where there were others they have prepared it.
        let is_first = |device: &String| {
            let first = self.interfaces.get(device).and_then(|concerned| concerned.ipv4.first());
            first.is_some_and(|first| ids.contains(first))
        };
        let devices: Vec<String> = devices.into_iter().filter(is_first).collect();
        devices.iter().for_each(|device| self.prepare_device(device));
        for port in ports {
            self.follow_port(*port);
            self.breathe();
        }
        self.memberships_doubtful |= !ports.is_empty();
        let stopped = self.stopped_before();
        for id in ids {
            self.refresh(*id);
            if !stopped.contains(id) {
                self.set.handle(clock::now(), *id, Input::Startup);
            }
        }
        self.catch_up_with_host();
    }

    /// Forgets what is configured no more. Returns the claims of the ports for what is left.
    fn close_behind(&mut self, applying: &Applying) -> Task<Result<Vec<Ready>, Refusal>> {
        for id in applying.reconfigured().collect::<Vec<_>>() {
            self.close(id);
            self.drop_idle_macvlan(id);
        }
        let mut needs: BTreeMap<usize, Needs> = applying.ports.keys().map(|port| (*port, Needs::default())).collect();
        for running in self.routers.iter() {
            needs.get_mut(&running.port).into_iter().for_each(|needs| needs.add(&running.router));
        }
        for (port, _) in needs.iter().filter(|(_, needs)| **needs == Needs::default()) {
            self.close_port(*port);
        }
        needs.retain(|port, needs| self.ports.get(*port).is_some_and(|port| port.needs != *needs));
        Task::new(self.ports.plan(needs, |name| self.monitor.link_by_name(name)).start())
    }

    /// Tells whether the kernel has answered for every address of a router that is to come or to go.
    pub(super) fn is_settled(&self, id: RouterId) -> bool {
        let Some(router) = self.set.get(id) else { return true };
        self.holdings.is_settled_for(id) && (router.role() != Role::Master || has_all(router))
    }
}
