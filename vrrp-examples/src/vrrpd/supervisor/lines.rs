//! Log lines about the routers.

use vrrp_core::Role;
use vrrp_io_linux::{Event, EventKind, ListDifference, Warning};

use crate::vrrpd::log::{Level, Line, line};

/// Logs an event.
pub(super) fn tell(event: &Event) {
    self::line(event).emit();
}

fn line(event: &Event) -> Line {
    let level = if event.kind.is_warning() { Level::Warning } else { Level::Info };
    happened(event).of(&*event.name).at(level)
}

fn happened(event: &Event) -> Line {
    match &event.kind {
        EventKind::StateChanged { transition, why, priority } => line!(
            StateChanged,
            from = state(transition.from),
            to = state(transition.to),
            priority = priority.get(),
            why = why,
            "{event}"
        ),
        EventKind::PriorityChanged { from, to, why, .. } => {
            line!(PriorityChanged, from = from.get(), to = to.get(), why = why, "{event}")
        }
        EventKind::FaultsChanged { faults } => {
            let faults: Vec<&str> = faults.iter().map(|fault| fault.text.as_str()).collect();
            line!(FaultsChanged, faults = faults, "{event}")
        }
        EventKind::AddressInstalled { virtual_ip, device, foreign } => {
            line!(AddressSet, address = virtual_ip.to_string(), device = device, foreign = foreign, "{event}")
        }
        EventKind::AddressRemoved { virtual_ip, device } => {
            line!(AddressRemoved, address = virtual_ip.to_string(), device = device, "{event}")
        }
        EventKind::AddressLost { virtual_ip, device } => {
            line!(AddressLost, address = virtual_ip.to_string(), device = device, "{event}")
        }
        EventKind::AddressExpired { virtual_ip, device, put_back } => {
            line!(AddressExpired, address = virtual_ip.to_string(), device = device, put_back = put_back, "{event}")
        }
        EventKind::AddressFailed { virtual_ip, device, error } => {
            line!(
                AddressFailed,
                address = virtual_ip.to_string(),
                device = device,
                error = error.to_string(),
                "{event}"
            )
        }
        EventKind::Leftover { virtual_ip, device } => {
            line!(AddressLeftOver, address = virtual_ip.to_string(), device = device, "{event}")
        }
        EventKind::Stray { virtual_ip, device, removing } => {
            line!(AddressStray, address = virtual_ip.to_string(), device = device, removing = removing, "{event}")
        }
        EventKind::Announced { address, device, count } => {
            line!(Announced, address = address, device = device, count = count, "{event}")
        }
        EventKind::Ignored { source, discard, other_master, unreported } => line!(
            AdvertisementIgnored,
            source = source,
            why = discard.to_string(),
            other_master = other_master,
            held_back = unreported,
            "{event}"
        ),
        EventKind::Authenticated { source, unreported } => {
            line!(AuthenticationHeader, source = source, held_back = unreported, "{event}")
        }
        EventKind::OtherAddresses { source, difference, unreported } => line!(
            OtherAddresses,
            source = source,
            difference = difference.to_string(),
            held_back = unreported,
            "{event}"
        ),
        EventKind::OtherMaster { source, priority, difference, unreported } => line!(
            OtherMaster,
            source = source,
            priority = priority.get(),
            difference = difference.as_ref().map(ListDifference::to_string),
            held_back = unreported,
            "{event}"
        ),
        EventKind::LowerPriorityHeard { from, priority } => {
            line!(LowerPriorityHeard, source = from, priority = priority.get(), "{event}")
        }
        EventKind::Released { source, unreported } => {
            line!(ReleasedByOther, source = source, held_back = unreported, "{event}")
        }
        EventKind::SendFailed { destination, error, unreported } => {
            line!(SendFailed, destination = destination, error = error.to_string(), held_back = unreported, "{event}")
        }
        EventKind::NobodyTookOver => line!(NobodyTookOver, "{event}"),
        EventKind::Lost { count } => line!(EventsLost, count = count, "{event}"),
        EventKind::Warning(warning) => warned(event, warning),
        _ => line!(RouterEvent, "{event}"),
    }
}

fn warned(event: &Event, warning: &Warning) -> Line {
    match warning {
        Warning::RealTime(error) => line!(RealTimeRefused, error = error.to_string(), "{event}"),
        Warning::Nice(error) => line!(NiceRefused, error = error.to_string(), "{event}"),
        Warning::LockedMemory(error) => line!(MemoryNotLocked, error = error.to_string(), "{event}"),
        Warning::Concern(_) => line!(InterfaceConcern, "{event}"),
        Warning::NotOwner { address } => line!(NotOwner, address = address, "{event}"),
        Warning::RealAddress { address, interface } => {
            line!(RealAddress, address = address, interface = interface, "{event}")
        }
        Warning::Claimed { interface, vrid, by } => {
            line!(AlreadyRun, interface = interface, vrid = vrid.get(), by = by, "{event}")
        }
        Warning::Socket { interface, error } => {
            line!(SocketFailed, interface = interface, error = error.to_string(), "{event}")
        }
        Warning::NoInterface { interface } => line!(NoInterface, interface = interface, "{event}"),
        Warning::Secondaries { interface, error } => {
            line!(Secondaries, interface = interface, error = error.to_string(), "{event}")
        }
        Warning::NotAnnounced { address, device, error } => {
            line!(NotAnnounced, address = address, device = device, error = error.to_string(), "{event}")
        }
        Warning::MacvlanNotMade { macvlan, interface, error } => {
            line!(MacvlanNotMade, macvlan = macvlan, interface = interface, error = error.to_string(), "{event}")
        }
        Warning::MacvlanNotPrepared { macvlan, error } => {
            line!(MacvlanNotPrepared, macvlan = macvlan, error = error.to_string(), "{event}")
        }
        Warning::MacvlanForeign { macvlan, interface, .. } => {
            line!(MacvlanForeign, macvlan = macvlan, interface = interface, "{event}")
        }
        Warning::FilterRestored { table, unreported } => {
            line!(FilterRestored, table = table, held_back = unreported, "{event}")
        }
        Warning::FilterLost { table, error, .. } => {
            line!(FilterLost, table = table, error = error.to_string(), "{event}")
        }
        Warning::FilterNotChanged(error) => line!(FilterNotChanged, error = error.to_string(), "{event}"),
        Warning::FilterNotRemoved(error) => line!(FilterNotRemoved, error = error.to_string(), "{event}"),
        _ => line!(RouterEvent, "{event}"),
    }
}

/// Returns the name of a state. A router that health keeps in Initialize is in Fault, and its line says so.
const fn state(role: Role) -> &'static str {
    match role {
        Role::Initialize => "Initialize",
        Role::Backup => "Backup",
        Role::Master => "Master",
    }
}
