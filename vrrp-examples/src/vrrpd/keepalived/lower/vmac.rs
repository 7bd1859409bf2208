//! `use_vmac`: the interface of a virtual MAC address.

use std::collections::BTreeSet;

use crate::vrrpd::config::VirtualMac;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;
use vrrp_core::Family;

impl InstanceDraft {
    pub(crate) fn virtual_mac(&self, strict: bool, report: &mut Report) -> Option<VirtualMac> {
        let Some(vmac) = &self.vmac else {
            if let Some(transmit_base) = self.vmac_xmit_base {
                report.notice(transmit_base, "`vmac_xmit_base` has no effect without `use_vmac`");
            }
            return None;
        };
        if let Some(transmit_base) = self.vmac_xmit_base.filter(|_| strict) {
            report
                .error(transmit_base, "strict mode cannot be used with vmac_xmit_base")
                .with_expected("no such line: advertisements come from the virtual MAC address");
        }
        if self.unicast_peer.is_some() && self.vmac_xmit_base.is_none() {
            report.notice(vmac.span, "unicast comes from the interface's own MAC address, as with `vmac_xmit_base`");
        }
        let interface = vmac.name.as_ref()?.value.clone();
        let transmit_base = self.vmac_xmit_base.is_some() || self.unicast_peer.is_some();
        let vrid = self.vrid.map(|vrid| vrid.value);
        let address = vmac.address.and_then(|([a, b, c, d, e], last)| Some([a, b, c, d, e, last.or(vrid)?]));
        Some(VirtualMac { interface, address, transmit_base })
    }
}

/// No two instances have one interface.
pub(crate) fn check_names(drafts: &[InstanceDraft], report: &mut Report) {
    let names = drafts.iter().filter_map(|draft| draft.vmac.as_ref()?.name.as_ref());
    soundness::mac_interfaces(names.map(|name| (&name.value, name.span)), report);
}

/// Gives each interface without a name the first that is free, in keepalived's order. Returns all names.
pub(crate) fn name_rest(drafts: &mut [InstanceDraft]) -> BTreeSet<String> {
    let named = drafts.iter().filter_map(|draft| draft.vmac.as_ref()?.name.as_ref());
    let mut taken: BTreeSet<String> = named.map(|name| name.value.clone()).collect();
    for draft in drafts {
        let (family, Some(vrid)) = (draft.family(), draft.vrid.map(|vrid| vrid.value)) else { continue };
        let Some(vmac) = draft.vmac.as_mut().filter(|vmac| vmac.name.is_none()) else { continue };
        let sixth = (family == Family::Ipv6).then(|| format!("vrrp6.{vrid}"));
        let mut names = [format!("vrrp.{vrid}")]
            .into_iter()
            .chain(sixth)
            .chain((1_u16..).map(|number| format!("vrrp{number}.{vrid}")));
        let free = names.find(|name| !taken.contains(name));
        taken.extend(free.clone());
        vmac.name = free.map(|value| At { value, span: vmac.span });
    }
    taken
}
