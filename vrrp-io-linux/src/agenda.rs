//! Things to do, and the moment for each.

use std::collections::{BTreeMap, BTreeSet};

use vrrp_core::Instant;

/// One moment for each thing that waits for one.
#[derive(Debug)]
pub(crate) struct Agenda<K> {
    moments: BTreeMap<K, Instant>,
    /// The same, by moment.
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self { moments: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Clone + Ord> Agenda<K> {
    /// Has something wait for another moment, or for none.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.moments.insert(key.clone(), at),
            None => self.moments.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, key.clone()));
        }
        self.order.extend(at.map(|at| (at, key)));
    }

    /// Returns the next moment.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out something whose moment has come, the earliest first.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (_, key) = self.order.first().filter(|(at, _)| *at <= now)?;
        let key = key.clone();
        self.set(key.clone(), None);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_due_comes_once_and_in_its_order() {
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let mut agenda = Agenda::default();
        for (key, millis) in [("b", 3), ("a", 2), ("c", 2), ("b", 1), ("d", 9)] {
            agenda.set(key, Some(at(millis)));
        }
        agenda.set("c", None);
        agenda.set("never there", None);
        assert_eq!(agenda.next(), Some(at(1)), "where it was moved to");
        assert_eq!(agenda.take_due(at(0)), None);
        let due: Vec<_> = std::iter::from_fn(|| agenda.take_due(at(5))).collect();
        assert_eq!((due, agenda.next()), (vec!["b", "a"], Some(at(9))));
        agenda.set("d", None);
        assert!(agenda.moments.is_empty() && agenda.order.is_empty());
    }
}
