//! Changes made by hand: drains, priorities, stops. Each is carried out at once and ends at the next reload.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::ready;
use std::task::{Context, Poll, Waker};

use tokio::task::{JoinHandle, unconstrained};
use vrrp_core::{Drain, Priority, RouterId};
use vrrp_io_linux::{DrainError, Drained, Vrrp};

use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::order::{DrainEnded, DrainOutcome, DrainedRouter, Routers, Touched, TouchedRouter};
use crate::vrrpd::control::refused::Refused;
use crate::vrrpd::control::snapshot::{ByHand, Hand};

/// A router that is meant.
pub(super) type Meant = (String, RouterId);

/// The changes made since the configuration was read, by the name of the router.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<String, Hands>);

/// The changes made to one router.
#[derive(Debug, Default, PartialEq)]
struct Hands {
    drained: Option<Priority>,
    priority: Option<Priority>,
    stopped: bool,
}

impl Table {
    /// Makes the table from the [list](Self::list) of its changes.
    pub(super) fn of(list: Vec<ByHand>) -> Self {
        let mut table = Self::default();
        for ByHand { router, change } in list {
            let hands = table.0.entry(router).or_default();
            match change {
                Hand::Drained { priority } => hands.drained = Some(priority),
                Hand::Priority { priority } => hands.priority = Some(priority),
                Hand::Stopped => hands.stopped = true,
            }
        }
        table
    }

    /// Returns the priority by hand of a router.
    pub(super) fn priority(&self, router: &str) -> Option<Priority> {
        self.0.get(router)?.priority
    }

    /// Returns all of it.
    pub(super) fn list(&self) -> Vec<ByHand> {
        let of_router = |(router, hands): (&String, &Hands)| {
            let drained = hands.drained.map(|priority| Hand::Drained { priority });
            let priority = hands.priority.map(|priority| Hand::Priority { priority });
            let hands = [drained, priority, hands.stopped.then_some(Hand::Stopped)].into_iter().flatten();
            let with_name = |change| ByHand { router: router.clone(), change };
            hands.map(with_name).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_router).collect()
    }

    /// Notes a drain, or its end. Returns for each router whether it was not so before.
    pub(super) fn drain(&mut self, routers: &[Meant], priority: Option<Priority>) -> Touched {
        self.touch(routers, |hands| std::mem::replace(&mut hands.drained, priority) != priority)
    }

    /// Forgets the drains that turned out to be impossible.
    pub(super) fn drain_ended(&mut self, ended: &Result<DrainEnded, Refused>) {
        let impossible = |router: &&DrainedRouter| matches!(router.outcome, DrainOutcome::Impossible { .. });
        for DrainedRouter { router, .. } in ended.iter().flat_map(|ended| &ended.routers).filter(impossible) {
            if let Some(hands) = self.0.get_mut(router) {
                hands.drained = None;
            }
        }
        self.0.retain(|_, hands| *hands != Hands::default());
    }

    /// Notes a stop, or its end. Returns for each router whether it was not so before.
    pub(super) fn stop(&mut self, routers: &[Meant], stopped: bool) -> Touched {
        self.touch(routers, |hands| std::mem::replace(&mut hands.stopped, stopped) != stopped)
    }

    /// Notes a priority; `None`: the configured one.
    pub(super) fn set_priority(&mut self, router: &Meant, priority: Option<Priority>) {
        self.touch(std::slice::from_ref(router), |hands| std::mem::replace(&mut hands.priority, priority) != priority);
    }

    /// Ends everything, of the routers that `find` finds: as if none of it had been. Returns all that there was.
    pub(super) async fn end(
        &mut self,
        vrrp: &Vrrp,
        find: impl Fn(&str) -> Option<(RouterId, Priority)>,
    ) -> Vec<ByHand> {
        let ended = self.list();
        for (name, hands) in std::mem::take(&mut self.0) {
            let Some((id, priority)) = find(&name) else { continue };
            // A router that is gone has nothing to end.
            if hands.priority.is_some() {
                let _ = vrrp.set_priority(id, priority).await;
            }
            if hands.drained.is_some() {
                let _ = vrrp.undrain(id).await;
            }
            if hands.stopped {
                let _ = vrrp.start(id).await;
            }
        }
        ended
    }

    fn touch(&mut self, routers: &[Meant], change: impl Fn(&mut Hands) -> bool) -> Touched {
        let touched = routers.iter().map(|(name, _)| {
            let hands = self.0.entry(name.clone()).or_default();
            TouchedRouter { router: name.clone(), changed: change(hands) }
        });
        let touched = Touched { routers: touched.collect() };
        self.0.retain(|_, hands| *hands != Hands::default());
        touched
    }
}

/// Returns the routers that are meant, in the order of the configuration.
pub(super) fn meant(
    routers: &Routers,
    daemon: &Daemon,
    ids: &BTreeMap<String, RouterId>,
) -> Result<Vec<Meant>, Refused> {
    let names: Vec<&str> = daemon.instances.iter().map(|instance| instance.name.as_str()).collect();
    let names = routers.places(&names)?.into_iter().filter_map(|place| names.get(place).copied());
    Ok(names.filter_map(|name| Some((name.to_owned(), *ids.get(name)?))).collect())
}

/// Returns these routers and all of their sync groups, which are drained together.
pub(super) fn with_groups(routers: &[Meant], daemon: &Daemon, ids: &BTreeMap<String, RouterId>) -> Vec<Meant> {
    let is_meant = |name: &str| routers.iter().any(|(meant, _)| meant == name);
    let by_group = |name: &str| {
        let mut groups = daemon.sync_groups.iter().filter(|group| group.members.iter().any(|member| member == name));
        groups.any(|group| group.members.iter().any(|member| is_meant(member)))
    };
    let names = daemon.instances.iter().map(|instance| instance.name.as_str());
    let all = names.filter(|name| is_meant(name) || by_group(name));
    all.filter_map(|name| Some((name.to_owned(), *ids.get(name)?))).collect()
}

/// Drains routers at once. Returns how that ended when it has for each.
pub(super) fn drain(
    vrrp: &Vrrp,
    routers: Vec<Meant>,
    drain: Drain,
) -> impl Future<Output = Result<DrainEnded, Refused>> + use<> {
    let begun = routers.into_iter().map(|router| begin(drain_one(vrrp.clone(), router, drain))).collect();
    async { Ok(DrainEnded { routers: all(begun).await? }) }
}

async fn drain_one(vrrp: Vrrp, (router, id): Meant, drain: Drain) -> Result<DrainedRouter, Refused> {
    let outcome = match vrrp.drain(id, drain).await {
        Ok(Drained::HandedOver { to }) => DrainOutcome::HandedOver { to },
        Ok(Drained::NobodyTookOver) => DrainOutcome::NobodyTookOver,
        Ok(Drained::NotMaster) => DrainOutcome::NotMaster,
        Ok(_) => DrainOutcome::Undone,
        Err(why @ DrainError::Stopped(_)) => return Err(failed(why)),
        Err(why) => DrainOutcome::Impossible { why: why.to_string() },
    };
    Ok(DrainedRouter { router, outcome })
}

/// Stops routers at once. Returns when their addresses are gone.
pub(super) fn stop(vrrp: &Vrrp, routers: Vec<Meant>) -> impl Future<Output = Result<(), Refused>> + use<> {
    let begun = routers.into_iter().map(|(_, id)| begin(stop_one(vrrp.clone(), id))).collect();
    async { all(begun).await.map(|_: Vec<()>| ()) }
}

async fn stop_one(vrrp: Vrrp, id: RouterId) -> Result<(), Refused> {
    vrrp.stop(id).await.map_err(failed)
}

/// Hands a command to the routers, before every later one, and waits for its end in a task.
fn begin<T: Send + 'static>(command: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    // With the first look it is in the queue, or in the line for it, also where the runtime wants this task to pause.
    let mut command = Box::pin(unconstrained(command));
    match command.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => tokio::spawn(ready(done)),
        Poll::Pending => tokio::spawn(command),
    }
}

/// Waits for what goes on side by side.
async fn all<T>(tasks: Vec<JoinHandle<Result<T, Refused>>>) -> Result<Vec<T>, Refused> {
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await.map_err(failed)??);
    }
    Ok(done)
}

/// Says why something did not come to its end.
pub(super) fn failed(why: impl Display) -> Refused {
    Refused::Failed { why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn the_routers_get_commands_in_the_order_in_which_they_were_begun() {
        // More than a task may do before it is to pause.
        const COMMANDS: usize = 300;
        let (sender, mut routers) = mpsc::channel(COMMANDS + 1);
        let hand_in = |number| {
            let sender = sender.clone();
            async move { sender.send(number).await }
        };
        let begun: Vec<_> = (0..COMMANDS).map(|number| begin(hand_in(number))).collect();
        // It waits for nothing, and still comes last.
        hand_in(COMMANDS).await.unwrap();
        for number in 0..=COMMANDS {
            assert_eq!(routers.recv().await, Some(number));
        }
        for command in begun {
            command.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_command_that_has_to_wait_comes_to_its_end() {
        let (sender, mut routers) = mpsc::channel(1);
        let begun: Vec<_> = (0..3)
            .map(|number| {
                let sender = sender.clone();
                begin(async move { sender.send(number).await })
            })
            .collect();
        for number in 0..3 {
            assert_eq!(routers.recv().await, Some(number));
        }
        for command in begun {
            command.await.unwrap().unwrap();
        }
    }
}
