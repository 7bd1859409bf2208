//! Carries out orders of clients of the control socket.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use vrrp_core::{Drain, RouterId};

use super::{Supervisor, answer};
use crate::vrrpd::by_hand::{self, Meant, failed};
use crate::vrrpd::checks::Ran;
use crate::vrrpd::control::order::{
    self, Checked, DrainEnded, NewPriority, Order, PriorityChanged, Recorded, Reply, Routers, Touched, Upgraded,
};
use crate::vrrpd::control::refused::Refused;
use crate::vrrpd::log::log;
use crate::vrrpd::recordings;
use crate::vrrpd::reload;

impl Supervisor {
    /// Carries out what a client wants; what takes its time goes on beside everything else.
    pub(super) async fn take(&mut self, order: Order) {
        match order {
            Order::Reload(reply) => self.reload(Some(reply)),
            Order::Diff(path, reply) => {
                let (source, running) = (self.source.at(&path), Arc::clone(&self.daemon));
                drop(spawn_blocking(move || reply.send(reload::diff(&source, &running))));
            }
            Order::Drain(drain, reply) => self.drain(drain, reply),
            Order::Undrain(routers, reply) => answer(reply, self.undrain(&routers).await),
            Order::Priority(wanted, reply) => answer(reply, self.set_priority(wanted).await),
            Order::Check(name, reply) => self.check(name, reply),
            Order::Stop(routers, reply) => self.stop_some(&routers, reply),
            Order::Start(routers, reply) => answer(reply, self.start_some(&routers).await),
            Order::Upgrade(reply) => self.upgrade(reply),
            Order::Record(routers, reply) => self.record(&routers, reply),
        }
    }

    fn drain(&mut self, order::Drain { routers, priority, limit }: order::Drain, reply: Reply<DrainEnded>) {
        let routers = match self.meant(&routers) {
            Ok(routers) => by_hand::with_groups(&routers, &self.daemon, &self.ids),
            Err(why) => return answer(reply, Err(why)),
        };
        let drain = Drain { priority: priority.unwrap_or(Drain::default().priority), limit };
        self.by_hand.drain(&routers, Some(drain.priority));
        routers.iter().for_each(|(name, _)| log!(Drained, router = name.as_str(), "{name}: drained by hand"));
        let ended = by_hand::drain(&self.vrrp, routers, drain);
        self.tasks.spawn(async move { Some((reply, ended.await)) });
    }

    async fn undrain(&mut self, routers: &Routers) -> Result<Touched, Refused> {
        let routers = by_hand::with_groups(&self.meant(routers)?, &self.daemon, &self.ids);
        let mut done = Ok(self.by_hand.drain(&routers, None));
        for (name, id) in &routers {
            log!(Undrained, router = name.as_str(), "{name}: no longer drained");
            if let Err(why) = self.vrrp.undrain(*id).await {
                done = Err(failed(why));
            }
        }
        done
    }

    fn stop_some(&mut self, routers: &Routers, reply: Reply<Touched>) {
        let routers = match self.meant(routers) {
            Ok(routers) => routers,
            Err(why) => return answer(reply, Err(why)),
        };
        let touched = self.by_hand.stop(&routers, true);
        routers.iter().for_each(|(name, _)| log!(RouterStopped, router = name.as_str(), "{name}: stopped by hand"));
        let ended = by_hand::stop(&self.vrrp, routers);
        self.tasks.spawn(async move {
            answer(reply, ended.await.map(|()| touched));
            None
        });
    }

    async fn start_some(&mut self, routers: &Routers) -> Result<Touched, Refused> {
        let routers = self.meant(routers)?;
        let mut done = Ok(self.by_hand.stop(&routers, false));
        for (name, id) in &routers {
            log!(RouterStarted, router = name.as_str(), "{name}: started by hand");
            if let Err(why) = self.vrrp.start(*id).await {
                done = Err(failed(why));
            }
        }
        done
    }

    fn check(&mut self, name: String, reply: Reply<Checked>) {
        let ran = match self.run_check(&name) {
            Ok(ran) => ran,
            Err(why) => return answer(reply, Err(why)),
        };
        self.tasks.spawn(async move {
            // Without an answer the check has ended.
            if let Ok(Ran { success, outcome, passes }) = ran.await {
                answer(reply, Ok(Checked { check: name, passed: success, result: outcome, verdict: Some(passes) }));
            }
            None
        });
    }

    /// To put a recording together takes a while: the loop goes on meanwhile.
    fn record(&mut self, routers: &Routers, reply: Reply<Recorded>) {
        let meant = match self.meant(routers) {
            Ok(meant) => meant,
            Err(why) => return answer(reply, Err(why)),
        };
        let all = *routers == Routers::All;
        let ids: Vec<RouterId> = meant.into_iter().map(|(_, id)| id).collect();
        let vrrp = self.vrrp.clone();
        self.tasks.spawn(async move {
            let recording = match vrrp.record().await {
                Ok(Some(recording)) => recording,
                Ok(None) => {
                    answer(reply, Err(Refused::Impossible { why: "vrrpd records nothing".to_owned() }));
                    return None;
                }
                Err(why) => {
                    answer(reply, Err(failed(why)));
                    return None;
                }
            };
            drop(spawn_blocking(move || {
                let mut recording = if all { recording } else { recording.only(&ids) };
                recording.about = recordings::about("asked for by vrrpctl record");
                answer(reply, Ok(Recorded { recording: recording.to_text() }));
            }));
            None
        });
    }

    fn meant(&self, routers: &Routers) -> Result<Vec<Meant>, Refused> {
        by_hand::meant(routers, &self.daemon, &self.ids)
    }

    async fn set_priority(
        &mut self,
        NewPriority { router, priority }: NewPriority,
    ) -> Result<PriorityChanged, Refused> {
        let names: Vec<&str> = self.daemon.instances.iter().map(|instance| instance.name.as_str()).collect();
        let place = order::router(&router, &names)?;
        let configured = self.daemon.instances.get(place).map_or(priority, |instance| instance.priority);
        let meant = self.ids.get(&router).map(|id| (router.clone(), *id));
        if let Some(meant) = meant {
            self.vrrp.set_priority(meant.1, priority).await.map_err(failed)?;
            self.by_hand.set_priority(&meant, Some(priority).filter(|priority| *priority != configured));
            log!(
                PriorityByHand,
                router = router.as_str(),
                priority = priority.get(),
                configured = configured.get(),
                "{router}: priority {priority} by hand, configured {configured}"
            );
        }
        Ok(PriorityChanged { router, priority, configured })
    }

    fn run_check(&self, name: &str) -> Result<oneshot::Receiver<Ran>, Refused> {
        let names: Vec<&str> = self.daemon.checks.iter().map(|script| script.name.as_str()).collect();
        order::check(name, &names)?;
        let busy = || Refused::Busy { with: format!("others wait for the check {name} already") };
        self.checks.run_now(name).ok_or_else(busy)
    }

    /// Asks the program on disk whether it can go on.
    fn upgrade(&mut self, reply: Reply<Upgraded>) {
        match (&self.program, &self.asking) {
            (_, Some(_)) => {
                answer(reply, Err(Refused::Busy { with: "another upgrade is under way".to_owned() }));
            }
            (None, _) => {
                let why = "vrrpd does not know the path of its own program".to_owned();
                answer(reply, Err(Refused::Impossible { why }));
            }
            (Some(program), None) => {
                let program = program.clone();
                self.asking = Some((spawn_blocking(move || program.ask()), reply));
            }
        }
    }

    /// Takes the answer of the program on disk. Returns whether it goes on.
    pub(super) fn agree(&mut self, asked: Result<String, String>) -> bool {
        let Some((_, reply)) = self.asking.take() else { return false };
        match asked {
            Ok(to) => {
                let from = env!("CARGO_PKG_VERSION").to_owned();
                log!(Upgrading, from = from, to = to, "upgrade from {from} to {to}");
                answer(reply, Ok(Upgraded { from, to }));
                true
            }
            Err(why) => {
                log!(UpgradeRefused, why = why, "no upgrade: {why}");
                answer(reply, Err(Refused::Impossible { why }));
                false
            }
        }
    }
}
