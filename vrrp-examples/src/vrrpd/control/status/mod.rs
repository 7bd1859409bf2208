//! The verb `status`: where is each address, and why.

mod answer;
mod compose;
mod text;

pub use answer::{AddressStatus, MasterStatus, OnHost, OtherMasterStatus, RouterStatus, Since, Status, TrackerStatus};
pub(in crate::vrrpd) use compose::status;
pub use text::render;
