//! Another configuration: what follows from it around the routers.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrrp_core::RouterId;

use super::{Fed, GROUP_PRIORITY, Supervisor, by_name, by_router, last_priority, subjects, users};
use crate::vrrpd::checks;
use crate::vrrpd::config::{Daemon, Options};
use crate::vrrpd::control::order::{Reloaded, Reply};
use crate::vrrpd::log::log;
use crate::vrrpd::notify::{NotifyState, Subject};
use crate::vrrpd::reload::{Candidate, Outcome};

impl Supervisor {
    /// Has the configuration read again.
    pub(super) fn reload(&mut self, reply: Option<Reply<Reloaded>>) {
        if self.reloads.ask(reply, &self.daemon) {
            self.manager.reloading();
        }
    }

    /// Takes what became of that.
    pub(super) async fn reloaded(&mut self, outcome: Outcome) {
        let result = match outcome {
            Outcome::Applied(candidate, ids) => Ok(self.follow_reload(candidate, ids).await),
            Outcome::Refused(why) => Err(why),
        };
        for (id, (instance, state)) in std::mem::take(&mut self.unsettled) {
            if self.ids.get(&instance) == Some(&id) {
                self.follow_group(&instance, state);
            }
        }
        for event in std::mem::take(&mut self.early) {
            if self.is_ours(&event) {
                self.on_event(&event);
            }
        }
        self.manager.reloaded(result.is_err());
        if self.reloads.end(&result, &self.daemon) {
            self.manager.reloading();
        }
    }

    /// Replaces everything around the routers, once these run with the new configuration.
    async fn follow_reload(&mut self, candidate: Candidate, ids: Vec<RouterId>) -> Reloaded {
        let Candidate { daemon, users, changes } = candidate;
        // These stay as they are: a change of them is told again until the next start.
        let Daemon { scheduling, startup_delay, options, .. } = *self.daemon.as_ref();
        let Options { notify_timeout, stop_timeout, .. } = options;
        let options = Options { notify_timeout, stop_timeout, ..daemon.options };
        let daemon = Daemon { scheduling, startup_delay, options, ..*daemon };
        let before = std::mem::replace(&mut self.daemon, Arc::new(daemon));
        let ids = by_name(&self.daemon, ids);
        let ids_before = std::mem::replace(&mut self.ids, ids);

        self.checks.replace(checks::scheduled(&self.daemon.checks)).await;
        self.verdicts.retain(|_, verdict| self.checks.is_current(verdict));
        let fed_before = std::mem::replace(&mut self.users, self::users(users, &self.ids));
        for (script, verdict) in &self.verdicts {
            let fed = |users: &BTreeMap<String, Vec<Fed>>| by_router(users.get(script).into_iter().flatten());
            let known = fed(&fed_before);
            // A tracker that is new knows nothing yet.
            for (router, trackers) in fed(&self.users).into_iter().filter(|(id, now)| known.get(id) != Some(now)) {
                for tracker in trackers {
                    self.track(&(router, tracker), verdict).await;
                }
            }
        }

        if self.taking_part.is_none() {
            self.take_part().await;
        }
        self.notifier.replace(subjects(&self.daemon), |subject| last_priority(&before, subject));
        self.tell_after_reload();
        self.fifos.replace(&self.daemon.fifos).await;
        let is_other = |(name, id): &(&String, &RouterId)| ids_before.get(*name).is_some_and(|before| before != *id);
        let others: Vec<String> = self.ids.iter().filter(is_other).map(|(name, _)| name.clone()).collect();
        for name in others {
            let subject = Subject::Instance(name);
            self.tell_state(&subject, NotifyState::Stop, last_priority(&before, &subject));
        }
        for (group, state) in self.groups.replace(&self.daemon) {
            self.tell_state(&Subject::Group(group), state, GROUP_PRIORITY);
        }
        if let Err(why) = self.routing.replace(&self.daemon.instances, &self.daemon.fixed).await {
            log!(RoutesNotSet, error = why.to_string(), "cannot set routes and rules: {why}");
        }
        let (ids, daemon) = (&self.ids, Arc::clone(&self.daemon));
        let find = |name: &str| {
            let instance = daemon.instances.iter().find(|instance| instance.name == name)?;
            Some((*ids.get(name)?, instance.priority))
        };
        let ended = self.by_hand.end(&self.vrrp, find).await;
        Reloaded { changes, ended }
    }
}
