//! The laboratory: two Squid proxies, a LAN, an outside network and clients, in namespaces of their own.
//!
//! One program plays every part that needs a process. Run under another name it is the lab inside its namespaces, the
//! VRRP daemon, or the replacement for Squid.

mod checks;
mod client;
mod dns;
mod host;
mod http;
mod measure;
mod observer;
mod options;
mod origin;
mod picture;
mod process;
mod proxy;
mod report;
mod rig;
mod states;
mod timeline;
mod topology;
mod trial;
mod unseen;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vrrp_core::timeline::Timeline;

use crate::testbed::error::Error;
use crate::testbed::namespace;
use checks::Check;
use host::{VRRPD, Watch};
use options::{DaemonKind, Options, ProxyKind};
use report::{Outcome, progress};
use rig::Rig;
use topology::HostId;

/// The name under which this program is the lab inside its namespaces.
const LAB: &str = "squid-failover-lab";
/// The name under which it is the parent of all processes there.
const INIT: &str = "squid-failover-init";
/// The name under which it is the replacement for Squid.
const SQUID: &str = "squid";

/// Longest wait from the start of the programs to the steady state.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Runs `squid-failover`, in the part that its name gives it.
#[must_use]
pub fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    let part = match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some(VRRPD) => return crate::vrrpd::main(std::env::args_os()),
        Some(SQUID) => return proxy::stand_in(),
        Some(INIT) => namespace::run_init(LAB),
        Some(LAB) => run_lab(&Options::parse()),
        _ => {
            let options = Options::parse();
            // What the command line gets wrong is said before any namespace is made.
            checks::select(&options.only)
                .and_then(|_| ProxyKind::choose(options.proxy))
                .and_then(|_| options.check_report())
                .and_then(|_| namespace::run_isolated(INIT))
        }
    };
    part.unwrap_or_else(|error| {
        eprintln!("squid-failover: {error}");
        ExitCode::FAILURE
    })
}

fn run_lab(options: &Options) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("starting the lab's runtime", error))?;
    runtime.block_on(run(options))
}

async fn run(options: &Options) -> Result<ExitCode, Error> {
    let (chosen, proxy) = (checks::select(&options.only)?, ProxyKind::choose(options.proxy)?);
    let daemons = HostId::ALL.map(|host| options.daemon_of(host).program());
    progress(format_args!("proxy: {}; VRRP daemons: {}", proxy.describe(), daemons.join(" and ")));
    let mut rig = Rig::start(options, proxy).await?;
    let (mut outcomes, mut pictures) = (Vec::new(), Vec::new());
    let finished = run_checks(&mut rig, &chosen, options, &mut outcomes, &mut pictures).await;
    if let Err(error) = &finished {
        progress(format_args!("FAILED: {error}"));
        rig.last_lines().iter().for_each(|line| eprintln!("    {line}"));
    }
    if let Some(file) = &options.report {
        let about = format!("Proxy: {}. VRRP daemons: {}.", proxy.describe(), daemons.join(" and "));
        options::write_report(file, &picture::report(&about, &pictures))?;
        progress(format_args!("wrote {}", file.display()));
    }
    let passed = finished.is_ok() && outcomes.iter().all(Outcome::passed);
    if options.json {
        let result = serde_json::json!({
            "proxy": proxy,
            "daemons": HostId::ALL.map(|host| options.daemon_of(host).program()),
            "passed": passed,
            "error": finished.err().map(|error| error.to_string()),
            "outcomes": outcomes,
        });
        println!("{result:#}");
    } else {
        report::print_table(&outcomes);
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_checks(
    rig: &mut Rig,
    chosen: &[Check],
    options: &Options,
    outcomes: &mut Vec<Outcome>,
    pictures: &mut Vec<Timeline>,
) -> Result<(), Error> {
    rig.steady(START_PATIENCE).await?;
    progress(format_args!("each proxy is Master of its own address, and the clients are served"));
    rig.show_addresses().await?;
    for _ in 0..options.repeat {
        for check in chosen {
            if check.watch == Watch::Page && rig.daemon_of(check.victim) != DaemonKind::Vrrpd {
                progress(format_args!("({}) left out: of the two daemons only vrrpd can get a page", check.id));
                continue;
            }
            let outcome = run_check(*check, rig).await?;
            tell(rig, &outcome);
            if options.report.is_some() {
                pictures.push(picture::draw(*check, &outcome, &rig.timeline));
            }
            if let Some(directory) = &options.recordings {
                rig.record(directory, check.id)?;
            }
            outcomes.push(outcome);
        }
    }
    Ok(())
}

async fn run_check(check: Check, rig: &mut Rig) -> Result<Outcome, Error> {
    if check.is_unseen() {
        return unseen::run(check, rig).await;
    }
    if check.watch == Watch::Script {
        return trial::run(check, rig).await;
    }
    rig.watch(check.victim, check.watch)?;
    let outcome = trial::run(check, rig).await?;
    rig.watch(check.victim, Watch::Script)?;
    Ok(outcome)
}

fn tell(rig: &Rig, outcome: &Outcome) {
    outcome.findings.iter().for_each(|finding| progress(format_args!("      finding: {finding}")));
    if outcome.passed() {
        progress(format_args!("      passed"));
        return;
    }
    outcome.failures.iter().for_each(|failure| progress(format_args!("      FAILED: {failure}")));
    rig.last_lines().iter().for_each(|line| eprintln!("    {line}"));
}
