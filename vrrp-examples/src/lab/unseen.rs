//! One run of a check of a failure that the daemon cannot see: nobody takes over, and the clients wait.

use std::time::{Duration, Instant};

use super::checks::Check;
use super::measure::{Moments, Service, describe_holders, holders_between};
use super::report::{Outcome, ms, progress};
use super::rig::Rig;
use super::timeline::Asker;
use super::topology::HostId;
use crate::testbed::error::Error;

/// The time in which nobody may take over: two runs of the script, every 3 s, the time that each may take, and an
/// election.
const WATCHED: Duration = Duration::from_secs(10);
/// Longest wait for the lab to be as it was.
const RETURN_PATIENCE: Duration = Duration::from_secs(25);
/// A shorter change of holders is not counted.
const BLINK: Duration = Duration::from_millis(100);

/// Runs a check from a steady lab to a steady lab.
pub(super) async fn run(check: Check, rig: &mut Rig) -> Result<Outcome, Error> {
    let Check { victim, fault, .. } = check;
    rig.steady(RETURN_PATIENCE).await?;
    progress(format_args!("({}) {}", check.id, check.title));
    let broken = Instant::now();
    fault.inflict(rig, victim).await?;
    let takes_over = |by, of, priority| (by, of) == (victim.other(), victim.vrid()) && priority > 0;
    let takeover = rig.wait_for(WATCHED, |timeline| timeline.first_advert(broken, takes_over)).await;
    let mended = Instant::now();
    fault.mend(rig, victim).await?;
    let mut failures = Vec::new();
    if let Err(error) = rig.steady(RETURN_PATIENCE).await {
        failures.push(format!("the way back: {error}"));
    }
    let end = Instant::now();
    if takeover.is_some() {
        failures.push(format!("{} took over from a proxy whose process is there", victim.other()));
    }
    let requests = rig.timeline.requests(broken);
    let of = |host: HostId, since, until| Service::of(Asker::Address(host.virtual_address()), &requests, since, until);
    let (hung, way_back) = (of(victim, broken, mended), of(victim, mended, end));
    if hung.lost == 0 {
        failures.push(format!("the clients of {} were served by a proxy that was stopped", victim.virtual_address()));
    }
    let other = of(victim.other(), broken, end);
    if other.lost > 0 {
        failures.push(format!("{} requests to {} lost", other.lost, victim.other().virtual_address()));
    }
    let holders = HostId::ALL.map(|owner| {
        describe_holders(&holders_between(&rig.timeline.holders(owner.virtual_address()), broken, end, BLINK))
    });
    let watched = ms(mended.saturating_duration_since(broken));
    progress(format_args!(
        "      nobody noticed in {watched:.0} ms; {} requests to {} lost",
        hung.lost,
        victim.virtual_address()
    ));
    Ok(Outcome {
        check: check.id,
        title: check.title,
        expected: "no takeover: the process is there".to_owned(),
        takeover_ms: None,
        minimum_ms: ms(fault.minimum()),
        past_minimum_ms: None,
        outage_ms: hung.longest().map(ms),
        lost: hung.lost,
        returned_ms: None,
        outage_on_return_ms: way_back.longest().map(ms),
        lost_on_return: way_back.lost,
        lost_by_name: Service::of(Asker::Name, &requests, broken, end).lost,
        both_after_failure_ms: 0.0,
        both_on_return_ms: 0.0,
        holders,
        moments: Moments { broken, mended, end },
        findings: Vec::new(),
        failures,
    })
}
