//! The one kernel setting that virtual addresses need.

use std::{fs, io};

/// Lets the other addresses of a subnet live on when its first one is removed from `interface`.
///
/// Without it the kernel removes them all together. Writes only where the setting is off.
pub(crate) fn promote_secondaries(interface: &str) -> io::Result<()> {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/promote_secondaries");
    let set = || match fs::read_to_string(&path)?.trim() {
        "0" => fs::write(&path, "1"),
        _ => Ok(()),
    };
    set().map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
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
    fn an_error_names_the_file() {
        let error = promote_secondaries("no-such-one").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("/proc/sys/net/ipv4/conf/no-such-one/promote_secondaries"), "{error}");
    }
}
