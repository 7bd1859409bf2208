//! Reports changes to scripts and FIFOs.

use vrrp_core::Priority;

use super::Supervisor;
use crate::vrrpd::notify::{NotifyState, Subject};

impl Supervisor {
    /// Tells of a state that a router or a group has entered.
    pub(super) fn tell_state(&mut self, subject: &Subject, state: NotifyState, priority: u8) {
        self.notifier.changed(subject, state, priority);
        self.fifos.tell(subject, &state.to_string(), priority);
        self.told.insert(subject.clone(), (state, priority));
    }

    /// Tells the FIFOs of another priority of a router, where that is wanted.
    pub(super) fn tell_priority(&mut self, router: &str, priority: Priority) {
        let subject = Subject::Instance(router.to_owned());
        let told = self.told.get_mut(&subject);
        let is_master = told.as_ref().is_some_and(|(state, _)| *state == NotifyState::Master);
        if let Some((_, known)) = told {
            *known = priority.get();
        }
        let instance = self.daemon.instances.iter().find(|instance| instance.name == router);
        if instance.is_some_and(|instance| instance.notify.priority_changes) {
            let what = if is_master { "MASTER_PRIORITY" } else { "BACKUP_PRIORITY" };
            self.fifos.tell(&subject, what, priority.get());
        }
    }

    /// Tells that a router, Master still, has heard a Master of a lower priority.
    pub(super) fn tell_of_lower_priority(&mut self, router: &str) {
        let subject = Subject::Instance(router.to_owned());
        let Some((_, priority)) = self.told.get(&subject).copied() else { return };
        let state = NotifyState::LowerPriority;
        self.notifier.changed(&subject, state, priority);
        self.fifos.tell(&subject, &state.to_string(), priority);
    }

    /// Tells the FIFOs of those that a reload has ended, and where it is wanted every state again.
    pub(super) fn tell_after_reload(&mut self) {
        let is_there = |subject: &Subject| match subject {
            Subject::Instance(name) => self.daemon.instances.iter().any(|instance| instance.name == *name),
            Subject::Group(name) => self.daemon.sync_groups.iter().any(|group| group.name == *name),
        };
        let (there, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.told).into_iter().partition(|(it, _)| is_there(it));
        for (subject, (state, priority)) in gone {
            if state != NotifyState::Stop {
                self.fifos.tell(&subject, &NotifyState::Stop.to_string(), priority);
            }
        }
        if self.daemon.fifo_states_on_reload {
            for (subject, (state, priority)) in &there {
                self.fifos.tell(subject, &state.to_string(), *priority);
            }
        }
        self.told = there.into_iter().collect();
    }
}
