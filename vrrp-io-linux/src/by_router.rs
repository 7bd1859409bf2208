//! A table with a place for each router, found as fast as an array's: ids have slots that are used again, and say whose
//! they are.

use vrrp_core::RouterId;

/// One value for each router that has one.
#[derive(Debug)]
pub(crate) struct ByRouter<T>(Vec<Option<(RouterId, T)>>);

impl<T> Default for ByRouter<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByRouter<T> {
    /// Gives a router its value. What another one had in its slot, before it was removed from the set, goes.
    pub(crate) fn insert(&mut self, id: RouterId, value: T) {
        let slot = id.index();
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.0.get_mut(slot) {
            *place = Some((id, value));
        }
    }

    pub(crate) fn remove(&mut self, id: RouterId) -> Option<T> {
        let place = self.0.get_mut(id.index())?;
        place.take_if(|(whose, _)| *whose == id).map(|(_, value)| value)
    }

    pub(crate) fn get(&self, id: RouterId) -> Option<&T> {
        let (whose, value) = self.0.get(id.index())?.as_ref()?;
        (*whose == id).then_some(value)
    }

    pub(crate) fn get_mut(&mut self, id: RouterId) -> Option<&mut T> {
        let (whose, value) = self.0.get_mut(id.index())?.as_mut()?;
        (*whose == id).then_some(value)
    }

    /// Every value, in the order of the slots.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    #[test]
    fn a_router_has_what_was_given_to_it_and_nothing_when_that_was_taken() {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let mut set = RouterSet::new();
        let [a, b] = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let mut table = ByRouter::default();
        table.insert(b, "b");
        assert_eq!((table.get(a), table.get(b)), (None, Some(&"b")));
        table.insert(a, "a");
        assert_eq!(table.values().copied().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((table.remove(b), table.remove(b), table.get(b)), (Some("b"), None, None));
        *table.get_mut(a).unwrap() = "c";
        assert_eq!(table.values().copied().collect::<Vec<_>>(), ["c"]);
    }
}
