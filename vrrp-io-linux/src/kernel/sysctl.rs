//! Kernel settings that virtual addresses depend on, to be read and set.

use std::{fs, io};

use vrrp_core::Family;

/// The first release of the kernel that keeps the mark on an address (IFA_PROTO).
const MARKS_SINCE: (u32, u32) = (5, 18);

/// Tells whether the kernel keeps the mark on an address. A kernel that does not say its release counts as new.
pub(crate) fn keeps_marks() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_none_or(|version| version >= MARKS_SINCE)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Sets what `interface` does, unless it does that already; returns what it did before.
pub(crate) fn set(family: Family, interface: &str, key: &str, value: &str) -> io::Result<Option<String>> {
    let path = path(family, interface, key);
    let set = || -> io::Result<Option<String>> {
        let before = fs::read_to_string(&path)?.trim().to_owned();
        if before == value {
            return Ok(None);
        }
        fs::write(&path, value)?;
        Ok(Some(before))
    };
    set().map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

/// Tells whether an interface can have IPv6 addresses.
pub(crate) fn has_ipv6(interface: &str) -> bool {
    let disabled = fs::read_to_string(path(Family::Ipv6, interface, "disable_ipv6"));
    disabled.is_ok_and(|disabled| disabled.trim() == "0")
}

/// Raises a number for IPv4 on `interface` to `least`; returns what it was, if it was less.
pub(crate) fn raise(interface: &str, key: &str, least: u32) -> io::Result<Option<String>> {
    if effective(interface, key)? >= least {
        return Ok(None);
    }
    set(Family::Ipv4, interface, key, &least.to_string())
}

/// A number for IPv4 of which the larger one counts: that of `interface`, or that of all.
pub(crate) fn effective(interface: &str, key: &str) -> io::Result<u32> {
    let read = |interface| -> io::Result<u32> {
        let path = path(Family::Ipv4, interface, key);
        let text =
            fs::read_to_string(&path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        Ok(text.trim().parse().unwrap_or(0))
    };
    Ok(read(interface)?.max(read("all")?))
}

fn path(family: Family, interface: &str, key: &str) -> String {
    let family = match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    };
    format!("/proc/sys/net/{family}/conf/{interface}/{key}")
}

/// Lets the other addresses of a subnet live on when its first one is removed from `interface`.
///
/// Without it the kernel removes them all together. Writes only where the setting is off.
pub(crate) fn promote_secondaries(interface: &str) -> io::Result<()> {
    set(Family::Ipv4, interface, "promote_secondaries", "1").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{in_namespace, ip, wire};

    #[test]
    fn the_rest_of_a_subnet_survives_its_first_address() {
        in_namespace(|| {
            wire("v0", "v1");
            fs::write("/proc/sys/net/ipv4/conf/v0/promote_secondaries", "0").unwrap();
            promote_secondaries("v0").unwrap();
            promote_secondaries("v0").unwrap();
            ip("address add 192.0.2.1/24 dev v0");
            ip("address add 192.0.2.2/24 dev v0");
            ip("address del 192.0.2.1/24 dev v0");
            assert!(ip("address show dev v0").contains("192.0.2.2/24"));
        });
    }

    #[test]
    fn releases_compare_by_number() {
        assert_eq!(version("5.4.0-42-generic\n"), Some((5, 4)));
        assert_eq!(version("6.1"), Some((6, 1)));
        assert_eq!(version("unknown"), None);
        assert!(version("5.4.0") < Some(MARKS_SINCE) && version("5.18.0-rc1") >= Some(MARKS_SINCE));
    }

    #[test]
    fn an_error_names_the_file() {
        let error = promote_secondaries("no-such-one").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("/proc/sys/net/ipv4/conf/no-such-one/promote_secondaries"), "{error}");
    }
}
