//! The same calls for programs without an executor.

use vrrp_core::record::Recording;
use vrrp_core::{Drain, Priority, Reading, RouterId, TrackerId};

use crate::error::{ChangeError, DrainError, Gone, Stopped, TrackError};
use crate::events::Events;
use crate::handle::Vrrp;
use crate::plan::Plan;
use crate::router::Router;
use crate::router_watch::RouterWatch;
use crate::status::{Drained, DriverStatus};
use crate::suspended::Suspended;
use crate::wait::block_on;

/// The calls of [`Vrrp`], each of which blocks its thread until it has its result. [`Vrrp::blocking`] gives it.
///
/// None of them panics, also not within a runtime; there they keep a thread of it busy.
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'a> {
    vrrp: &'a Vrrp,
}

impl Vrrp {
    /// Returns the same calls in a form that blocks, for programs without an executor.
    #[must_use]
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking { vrrp: self }
    }
}

impl Blocking<'_> {
    /// Does what [`Vrrp::add`] does.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub fn add(&self, router: Router) -> Result<RouterId, ChangeError> {
        block_on(self.vrrp.add(router))
    }

    /// Does what [`Vrrp::remove`] does.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub fn remove(&self, router: RouterId) -> Result<(), ChangeError> {
        block_on(self.vrrp.remove(router))
    }

    /// Does what [`Vrrp::reconfigure`] does.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub fn reconfigure(&self, router: RouterId, to: Router) -> Result<(), ChangeError> {
        block_on(self.vrrp.reconfigure(router, to))
    }

    /// Does what [`Vrrp::apply`] does.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub fn apply(&self, wanted: impl IntoIterator<Item = Router>) -> Result<Vec<RouterId>, ChangeError> {
        block_on(self.vrrp.apply(wanted))
    }

    /// Does what [`Vrrp::plan`] does.
    ///
    /// # Errors
    /// The errors of [`Vrrp::plan`].
    pub fn plan(&self, wanted: impl IntoIterator<Item = Router>) -> Result<Plan, ChangeError> {
        block_on(self.vrrp.plan(wanted))
    }

    /// Does what [`Vrrp::carry_out`] does.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub fn carry_out(&self, plan: Plan) -> Result<Vec<RouterId>, ChangeError> {
        block_on(self.vrrp.carry_out(plan))
    }

    /// Does what [`Vrrp::set_priority`] does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn set_priority(&self, router: RouterId, priority: Priority) -> Result<(), Gone> {
        block_on(self.vrrp.set_priority(router, priority))
    }

    /// Does what [`Vrrp::drain`] does.
    ///
    /// # Errors
    /// [`DrainError`]; nothing was changed then.
    pub fn drain(&self, router: RouterId, drain: Drain) -> Result<Drained, DrainError> {
        block_on(self.vrrp.drain(router, drain))
    }

    /// Does what [`Vrrp::undrain`] does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn undrain(&self, router: RouterId) -> Result<(), Gone> {
        block_on(self.vrrp.undrain(router))
    }

    /// Does what [`Vrrp::stop`] does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn stop(&self, router: RouterId) -> Result<(), Gone> {
        block_on(self.vrrp.stop(router))
    }

    /// Does what [`Vrrp::start`] does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn start(&self, router: RouterId) -> Result<(), Gone> {
        block_on(self.vrrp.start(router))
    }

    /// Does what [`Vrrp::track`] does.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn track(&self, router: RouterId, tracker: TrackerId, reading: impl Into<Reading>) -> Result<(), TrackError> {
        block_on(self.vrrp.track(router, tracker, reading))
    }

    /// Does what [`Vrrp::status`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn status(&self) -> Result<DriverStatus, Stopped> {
        block_on(self.vrrp.status())
    }

    /// Does what [`Vrrp::record`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn record(&self) -> Result<Option<Recording>, Stopped> {
        block_on(self.vrrp.record())
    }

    /// Does what [`Vrrp::set_recorder_size`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn set_recorder_size(&self, octets: usize) -> Result<(), Stopped> {
        block_on(self.vrrp.set_recorder_size(octets))
    }

    /// Does what [`Vrrp::routers`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn routers(&self) -> Result<Vec<(RouterId, Router)>, Stopped> {
        block_on(self.vrrp.routers())
    }

    /// Does what [`Vrrp::router`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn router(&self, name: &str) -> Result<Option<RouterId>, Stopped> {
        block_on(self.vrrp.router(name))
    }

    /// Does what [`Vrrp::subscribe`] does.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn subscribe(&self) -> Result<Events, Stopped> {
        block_on(self.vrrp.subscribe())
    }

    /// Does what [`Vrrp::suspend`] does.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could.
    pub fn suspend(&self) -> Result<Suspended, Stopped> {
        block_on(self.vrrp.suspend())
    }

    /// Does what [`Vrrp::watch`] does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn watch(&self, router: RouterId) -> Result<RouterWatch, Gone> {
        block_on(self.vrrp.watch(router))
    }

    /// Does what [`Vrrp::stop_all`] does.
    ///
    /// # Errors
    /// [`Stopped::Died`].
    pub fn stop_all(&self) -> Result<(), Stopped> {
        block_on(self.vrrp.stop_all())
    }
}
