//! The interface of an instance that names none.

use std::net::IpAddr;

use crate::vrrpd::keepalived::blocks::root::Root;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::Code;

/// The interface of static addresses, where neither they nor `default_interface` say one.
const DEFAULT: &str = "eth0";

/// A function that finds the interface of this host with an address.
pub(crate) type FindInterface<'a> = &'a dyn Fn(IpAddr) -> Option<String>;

/// Gives each instance without `interface` the default one, or, where it speaks to peers, the one that has its source.
/// Static addresses get the default one.
pub(crate) fn fill_in_defaults(root: &mut Root, find: FindInterface<'_>, report: &mut Report) {
    let default = root.globals.default_interface.as_ref();
    for draft in root.instances.iter_mut().filter(|draft| draft.lacks_interface()) {
        let source = draft.unicast_source.filter(|_| draft.unicast_peer.is_some());
        let found = source.and_then(|source| Some(At { value: find(source.value)?, span: source.span }));
        draft.interface = found.or_else(|| default.cloned());
        if let Some(At { value, span }) = &draft.interface {
            report.notice(*span, format!("`{}` runs on {value}: it names no interface", draft.name.text));
            continue;
        }
        let message = match source {
            Some(source) => format!("`{}` has no `interface`, and no interface has {}", draft.name.text, source.value),
            None => format!("the instance `{}` has no `interface`", draft.name.text),
        };
        report
            .error(draft.name.span, message)
            .with_code(Code::Missing)
            .with_expected("`interface` with the name of the interface that VRRP runs on");
    }
    for address in root.addresses.iter_mut().filter(|address| address.virtual_ip.device.is_none()) {
        address.virtual_ip.device = Some(default.map_or(DEFAULT, |default| default.value.as_str()).to_owned());
    }
}
