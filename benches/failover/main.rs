//! `cargo run --release -p vrrp-benches --bin failover`: vrrpd and keepalived, in turn, on the wire.
//!
//! Two hosts, a switch and an observer, in namespaces of their own; both daemons get the same keepalived.conf. What is
//! told about packets is told by the observer, from the kernel's receive stamps.

mod addresses;
mod checks;
mod configuration;
mod daemon;
mod experiments;
mod floors;
mod forger;
mod network;
mod observer;
mod operators;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use vrrp_examples::testbed::namespace;

use daemon::{Kind, Programs, VRRPD};
use experiments::{Bench, Experiment};
use report::Report;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The name under which this program measures, inside its namespaces.
const LAB: &str = "failover-lab";
/// The name under which it is the parent of all processes there.
const INIT: &str = "failover-init";
/// The name under which it keeps a processor busy.
const BUSY: &str = "failover-busy";
/// Each daemon has so many turns, one after the other: A B A B.
const TURNS: usize = 2;

/// Measures vrrpd beside keepalived: failover on the wire, processor time, memory, start, forged packets.
///
/// Makes two hosts, a switch and an observer in network namespaces, runs the daemons there in turn with the same
/// keepalived.conf, and prints medians and 95th percentiles. Needs no privileges where the kernel lets users make
/// namespaces; without real ones the experiment with real-time scheduling cannot run.
#[derive(Debug, Parser)]
#[command(name = "failover", version)]
struct Options {
    /// Only experiments whose names begin so [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds in each of a daemon's two turns [default: as many as the experiment needs]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only this daemon
    #[arg(long, value_name = "DAEMON")]
    daemon: Option<Kind>,
    /// The vrrpd to measure [default: the one built beside this program; cargo run builds it anew]
    #[arg(long, value_name = "FILE")]
    vrrpd: Option<PathBuf>,
    /// A vrrpd of another build, such as an earlier release, to run beside both
    #[arg(long, value_name = "FILE")]
    other: Option<PathBuf>,
    /// Name the experiments
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    let part = match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some(BUSY) => loop {
            std::hint::spin_loop();
        },
        Some(INIT) => namespace::run_init(LAB).map_err(Into::into),
        Some(LAB) => measure(&Options::parse()),
        _ => start(&Options::parse()),
    };
    part.unwrap_or_else(|error| {
        eprintln!("failover: {error}");
        ExitCode::FAILURE
    })
}

/// Outside the namespaces: what can go wrong goes wrong here.
fn start(options: &Options) -> Result<ExitCode> {
    if options.list {
        experiments::ALL.iter().for_each(|experiment| println!("{:15} {}", experiment.name, experiment.what));
        return Ok(ExitCode::SUCCESS);
    }
    chosen(options)?;
    kinds(options)?;
    if options.vrrpd.is_none() {
        build_vrrpd()?;
    }
    programs(options)?;
    Ok(namespace::run_isolated(INIT)?)
}

fn chosen(options: &Options) -> Result<Vec<&'static Experiment>> {
    let wanted = |experiment: &Experiment| {
        options.only.is_empty() || options.only.iter().any(|name| experiment.name.starts_with(name.as_str()))
    };
    if let Some(name) = options.only.iter().find(|name| !experiments::ALL.iter().any(|e| e.name.starts_with(*name))) {
        return Err(format!("no experiment is called {name}; --list names them").into());
    }
    Ok(experiments::ALL.iter().filter(|experiment| wanted(experiment)).collect())
}

/// `cargo run` builds the binaries of one package only.
fn build_vrrpd() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let arguments = ["build", "--release", "--package", "vrrp-examples", "--bin", VRRPD];
    let built = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if built.success() { Ok(()) } else { Err("vrrpd does not build".into()) }
}

fn programs(options: &Options) -> Result<Programs> {
    let path = match &options.vrrpd {
        Some(path) => path.clone(),
        None => namespace::this_program()?.with_file_name(VRRPD),
    };
    let found =
        |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}; build vrrpd first", path.display()));
    Ok(Programs { vrrpd: found(&path)?, other: options.other.as_deref().map(found).transpose()? })
}

/// The daemons that have their turns.
fn kinds(options: &Options) -> Result<Vec<Kind>> {
    if options.daemon == Some(Kind::Other) && options.other.is_none() {
        return Err("--daemon other needs --other FILE: the vrrpd to run".into());
    }
    let wanted = |kind: &Kind| match options.daemon {
        Some(only) => only == *kind,
        None => *kind != Kind::Other || options.other.is_some(),
    };
    Ok(Kind::ALL.into_iter().filter(wanted).collect())
}

/// Inside the namespaces.
fn measure(options: &Options) -> Result<ExitCode> {
    let mut bench = Bench::new(programs(options)?)?;
    let mut report = Report::default();
    report::print_machine(&bench.programs);
    let kinds = kinds(options)?;
    for Experiment { name, run, .. } in chosen(options)? {
        match run {
            experiments::Run::Alone(run) => {
                let ran = run(&mut bench, &mut report);
                report.note(name, ran);
            }
            experiments::Run::Each(run) => {
                for (turn, kind) in (1..=TURNS).flat_map(|turn| kinds.iter().map(move |kind| (turn, *kind))) {
                    eprintln!("{name}: {kind}, turn {turn} of {TURNS}");
                    let ran = run(&mut bench, kind, options.rounds, &mut report);
                    report.note(&format!("{name}, {kind}, turn {turn}"), ran);
                }
            }
        }
        report.print();
    }
    Ok(if report.conclude() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
