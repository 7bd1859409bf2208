//! Limits of this process that scripts must not inherit: the processor time of the real-time thread, and the many files that
//! many routers need.
//!
//! Limits belong to a whole process. So, where they are not those that it was started with, a command is started by this
//! program itself, which sets them and becomes the command.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The first argument that asks for it. Then follow the limits, in this order, and the command.
const WITH_LIMITS: &str = "--internal-run-with-limits";
const LIMITED: [Resource; 2] = [Resource::RLIMIT_RTTIME, Resource::RLIMIT_NOFILE];
/// This program, even where its file has been replaced.
const THIS: &str = "/proc/self/exe";
/// The exit status of a shell that cannot run a command.
const CANNOT_RUN: u8 = 127;

/// The soft limits that the process was started with, and the name that it was called by.
static FOUND: OnceLock<([rlim_t; 2], OsString)> = OnceLock::new();

/// Call it before any limit is changed.
pub(crate) fn remember(called: &OsStr) {
    if let Some(limits) = soft() {
        let _ = FOUND.set((limits, called.to_owned()));
    }
}

/// Sets the limits that the process was started with, for the program that takes its place.
pub(crate) fn restore() {
    let found = FOUND.get().map(|(found, _)| *found);
    for (resource, limit) in LIMITED.into_iter().zip(found.into_iter().flatten()) {
        // What is less than it was is enough.
        let _ = hard(resource).map(|hard| setrlimit(resource, limit, hard));
    }
}

/// Returns a command that starts `program` with the limits that this process was started with.
pub(super) fn command(program: &str) -> Command {
    match FOUND.get() {
        Some((found, called)) if soft().is_some_and(|now| now != *found) => {
            let mut command = Command::new(THIS);
            command.arg0(called).arg(WITH_LIMITS).args(found.map(|limit| limit.to_string())).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

/// Sets the limits and becomes the command, if the arguments of this process ask for it: then this returns only if that
/// cannot be.
pub(crate) fn become_command(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, asked, real_time, files, program, words @ ..] = arguments else { return None };
    if asked != WITH_LIMITS {
        return None;
    }
    for (resource, limit) in LIMITED.into_iter().zip([real_time, files]) {
        let limit = limit.to_str().and_then(|limit| limit.parse::<rlim_t>().ok());
        let set = || Some(setrlimit(resource, limit?.min(hard(resource)?), hard(resource)?));
        if !matches!(set(), Some(Ok(()))) {
            eprintln!("cannot set the limit {resource:?} of a script");
            return Some(ExitCode::from(CANNOT_RUN));
        }
    }
    let error = Command::new(program).args(words).exec();
    let why = error.raw_os_error().map_or_else(|| error.to_string(), |errno| Errno::from_raw(errno).desc().to_owned());
    eprintln!("cannot run {}: {why}", Path::new(program).display());
    Some(ExitCode::from(CANNOT_RUN))
}

fn soft() -> Option<[rlim_t; 2]> {
    let [real_time, files] = LIMITED.map(|resource| getrlimit(resource).ok().map(|(soft, _)| soft));
    Some([real_time?, files?])
}

fn hard(resource: Resource) -> Option<rlim_t> {
    getrlimit(resource).ok().map(|(_, hard)| hard)
}
