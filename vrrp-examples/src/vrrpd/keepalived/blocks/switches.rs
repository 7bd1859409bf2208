//! Version, strict mode and the switches of the protocol, as they are written.

use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;
use vrrp_core::Version;

/// The switches at one level: for all instances, or in one.
#[derive(Default)]
pub(crate) struct Switches {
    pub(crate) version: Option<At<Version>>,
    pub(crate) strict: Option<At<bool>>,
    pub(crate) checksum_as_v2: Option<At<bool>>,
    pub(crate) lower_prio_no_advert: Option<At<bool>>,
    pub(crate) higher_prio_send_advert: Option<At<bool>>,
    pub(crate) owner_ignore_adverts: Option<At<bool>>,
    pub(crate) skip_check_adv_addr: Option<At<bool>>,
}

/// `version` and `vrrp_version`.
pub(crate) fn version(statement: &Statement, report: &mut Report) -> Option<At<Version>> {
    let number: At<u8> = statement.number(2..=3, report)?;
    let value = if number.value == 2 { Version::V2 } else { Version::V3 };
    Some(At { value, span: number.span })
}
