//! An index of deadlines: a binary heap in which every router has at most one place, and knows it.

use alloc::vec::Vec;

use crate::time::Instant;

/// The children of each entry. More than two keep the heap flat: with many routers each level is somewhere else in
/// memory.
const CHILDREN: usize = 4;
/// No place in the heap.
const NOWHERE: u32 = u32::MAX;

/// Deadlines of routers 0 to n - 1. Reading the first costs nothing, changing one costs O(log n).
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    heap: Vec<(Instant, u32)>,
    /// Place of each router in `heap`, or `NOWHERE`.
    places: Vec<u32>,
}

impl Deadlines {
    /// Makes room for one more router.
    pub(crate) fn grow(&mut self) {
        self.places.push(NOWHERE);
        self.heap.reserve(self.places.len() - self.heap.len());
    }

    /// The earliest; the lowest number among equals.
    pub(crate) fn first(&self) -> Option<(Instant, u32)> {
        self.heap.first().copied()
    }

    /// Sets or clears the deadline of one router.
    pub(crate) fn set(&mut self, router: u32, at: Option<Instant>) {
        let Some(place) = self.places.get(router as usize).copied() else { return };
        match (self.heap.get_mut(place as usize), at) {
            (Some(entry), Some(at)) if entry.0 == at => {}
            (Some(entry), Some(at)) => {
                entry.0 = at;
                self.restore_order(place as usize);
            }
            (None, Some(at)) => {
                self.heap.push((at, router));
                self.restore_order(self.heap.len() - 1);
            }
            (Some(_), None) => {
                self.heap.swap_remove(place as usize);
                self.note(router, NOWHERE);
                if (place as usize) < self.heap.len() {
                    self.restore_order(place as usize);
                }
            }
            (None, None) => {}
        }
    }

    /// Moves the entry at `place` to where it belongs in the heap, and notes its place.
    fn restore_order(&mut self, mut place: usize) {
        while place > 0 && self.less(place, (place - 1) / CHILDREN) {
            place = self.swap(place, (place - 1) / CHILDREN);
        }
        loop {
            let first = CHILDREN * place + 1;
            let child = (first + 1..first + CHILDREN).fold(first, |least, child| match self.less(child, least) {
                true => child,
                false => least,
            });
            if !self.less(child, place) {
                break;
            }
            place = self.swap(place, child);
        }
        if let Some((_, router)) = self.heap.get(place).copied() {
            self.note(router, place as u32);
        }
    }

    /// A place beyond the end is less than nothing.
    fn less(&self, a: usize, b: usize) -> bool {
        matches!((self.heap.get(a), self.heap.get(b)), (Some(a), Some(b)) if a < b)
    }

    /// Swaps two entries, notes the place of the one that gave way, returns the place of the one that moved.
    fn swap(&mut self, from: usize, to: usize) -> usize {
        self.heap.swap(from, to);
        if let Some((_, router)) = self.heap.get(from).copied() {
            self.note(router, from as u32);
        }
        to
    }

    fn note(&mut self, router: u32, place: u32) {
        if let Some(slot) = self.places.get_mut(router as usize) {
            *slot = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(operations in prop::collection::vec((0_u32..20, prop::option::of(0_u64..50)), 0..200)) {
            let mut deadlines = Deadlines::default();
            let mut model = BTreeMap::new();
            (0..20).for_each(|_| deadlines.grow());
            for (router, at) in operations {
                deadlines.set(router, at.map(Instant::from_nanos));
                match at {
                    Some(at) => { model.insert(router, at); }
                    None => { model.remove(&router); }
                }
                let first = model.iter().map(|(router, at)| (Instant::from_nanos(*at), *router)).min();
                prop_assert_eq!(deadlines.first(), first);
            }
        }
    }
}
