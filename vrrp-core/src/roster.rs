//! Routers by their ids, in places that are used again.

use alloc::vec::Vec;

use crate::router::VirtualRouter;
use crate::types::RouterId;

/// The routers of a set. What finds one by its place costs no look at its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    routers: Vec<Option<VirtualRouter>>,
    /// The router in each place, or the last one there.
    ids: Vec<RouterId>,
    /// The next router of each empty place; the place that was left last is at the end.
    free: Vec<RouterId>,
    len: usize,
}

impl Roster {
    /// Adds a router.
    pub(crate) fn insert(&mut self, router: VirtualRouter) -> RouterId {
        let id = self.free.pop().unwrap_or_else(|| RouterId::first(self.routers.len() as u32));
        match (self.routers.get_mut(id.index()), self.ids.get_mut(id.index())) {
            (Some(place), Some(known)) => (*place, *known) = (Some(router), id),
            _ => {
                self.routers.push(Some(router));
                self.ids.push(id);
            }
        }
        self.len += 1;
        id
    }

    /// Puts a router into the place that its id says, whatever was there.
    pub(crate) fn insert_as(&mut self, id: RouterId, router: VirtualRouter) {
        for place in self.routers.len()..=id.index() {
            self.routers.push(None);
            self.ids.push(RouterId::first(place as u32));
        }
        if let (Some(place), Some(known)) = (self.routers.get_mut(id.index()), self.ids.get_mut(id.index())) {
            self.len += usize::from(place.is_none());
            (*place, *known) = (Some(router), id);
        }
    }

    /// Takes a router out.
    pub(crate) fn remove(&mut self, id: RouterId) -> Option<VirtualRouter> {
        self.get(id)?;
        let router = self.routers.get_mut(id.index())?.take();
        // A place whose ids are used up stays empty.
        self.free.extend(id.successor());
        self.len -= 1;
        router
    }

    pub(crate) fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        if self.ids.get(id.index()) == Some(&id) { self.at(id.index()) } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: RouterId) -> Option<&mut VirtualRouter> {
        if self.ids.get(id.index()) == Some(&id) { self.at_mut(id.index()) } else { None }
    }

    pub(crate) fn at(&self, place: usize) -> Option<&VirtualRouter> {
        self.routers.get(place)?.as_ref()
    }

    pub(crate) fn at_mut(&mut self, place: usize) -> Option<&mut VirtualRouter> {
        self.routers.get_mut(place)?.as_mut()
    }

    /// Returns which router is in a place, or was last there.
    pub(crate) fn id_at(&self, place: usize) -> Option<RouterId> {
        self.ids.get(place).copied()
    }

    /// Returns how many places there are, empty ones among them.
    pub(crate) fn places(&self) -> usize {
        self.routers.len()
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Every router, in the order of the places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RouterId, &VirtualRouter)> {
        self.ids.iter().zip(&self.routers).filter_map(|(id, router)| Some((*id, router.as_ref()?)))
    }

    #[cfg(feature = "sim")]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut VirtualRouter> {
        self.routers.iter_mut().flatten()
    }
}
