//! Finds problems between hosts: from the advertisements that vrrpd heard, from a look at this host, and, on request,
//! from a probe. A mere possibility is not a finding.

mod filter;
mod finding;
mod heard;
mod host;
mod lan;
mod listen;
mod probe;
mod state;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};
use vrrp_io_linux::{DriverStatus, RouterStatus, TrackerStatus};

use crate::vrrpd::config::{Daemon, Instance};

pub use finding::{Finding, Id};
pub(crate) use heard::seconds;
pub use host::Host;

/// The time for which the links are listened to: two intervals, but neither less nor more than this.
const LISTEN: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(3));

/// The subject and the results of an examination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// All that is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// Facts that are not wrong but may be of use.
    pub notes: Vec<String>,
}

/// Looks at this host, and waits for nothing but its packet filter. Call it from the main thread.
///
/// # Errors
/// The runtime ends.
pub async fn look(config: Arc<Daemon>) -> Result<Host, JoinError> {
    look_with(move || Host::look(&config)).await
}

/// Looks at this host, listens to its links for a while, and asks on the links of the routers of `probed` who has their
/// addresses. Returns also what was sent. Call it from the main thread.
///
/// # Errors
/// The runtime ends.
pub async fn look_around(
    config: Arc<Daemon>,
    probed: &[(&RouterStatus, &Instance)],
) -> Result<(Host, Vec<String>), JoinError> {
    let look = move || {
        let mut host = Host::look(&config);
        let longest = config.instances.iter().map(|instance| instance.interval.duration()).max().unwrap_or_default();
        let (least, most) = LISTEN;
        listen::listen(&mut host, &config, (longest * 2).clamp(least, most));
        host
    };
    let mut host = look_with(look).await?;
    let sent = probe::probe(&mut host, probed).await;
    Ok((host, sent))
}

async fn look_with(look: impl FnOnce() -> Host + Send + 'static) -> Result<Host, JoinError> {
    let (host, rules) = tokio::join!(spawn_blocking(look), filter::rules());
    let mut host = host?;
    match rules {
        Ok(rules) => host.rules = rules,
        Err(why) => host.rules_unknown = Some(why),
    }
    Ok(host)
}

/// Says what is wrong with these routers. `why` tells more of a check that fails.
pub fn examine(
    config: &Daemon,
    routers: &[(&RouterStatus, &Instance)],
    driver: &DriverStatus,
    host: &Host,
    why: &dyn Fn(&RouterStatus, &TrackerStatus) -> String,
) -> Diagnosis {
    let mut findings = lan::of_host(config, host);
    let managed = state::Managed::by(config);
    for (router, instance) in routers {
        findings.extend(state::findings(router, instance, &managed, host, &|tracker| why(router, tracker)));
        let mut found = heard::findings(router, instance);
        found.extend(lan::of_router(router, instance, driver, host));
        // Two Masters both have the addresses. That is reported only if nothing else explains it.
        if found.is_empty() {
            found = lan::holders(router, instance, host);
        }
        findings.extend(found);
    }
    findings.sort_by_key(Finding::place);
    // One interface may have many routers.
    findings.dedup();
    let is_told = |source: &str| findings.iter().any(|it| it.peer.as_deref() == Some(source));
    let concerns = |interface: &str| routers.iter().any(|(router, _)| router.interface == interface);
    let strangers = driver.strangers.iter().filter(|it| concerns(&it.interface) && !is_told(&it.source.to_string()));
    let mut notes: Vec<String> =
        strangers.map(|it| format!("another virtual router is on this link: {}", lan::stranger(it))).collect();
    notes.extend(lan::notes(config, host));
    for (router, _) in routers {
        let is_alone = router.role == vrrp_core::Role::Master && router.heard.is_empty() && router.ignored.is_empty();
        if is_alone && host.answers.is_empty() {
            notes.push(format!(
                "{} is Master and has heard no other router: that is so where every other one is a Backup. `vrrpctl doctor --probe` \
                 asks whether another host has its addresses too",
                router.name
            ));
        }
    }
    Diagnosis { findings, notes }
}
