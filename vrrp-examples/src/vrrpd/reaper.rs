//! Reaps orphans. As PID 1 of a container, or as a subreaper, vrrpd becomes the parent of all processes that its scripts leave
//! behind. If nobody reaped the dead ones, they would use up the process numbers, until no script could be started.
//!
//! Children of vrrpd itself must not be reaped here, or their exit status is lost. Children that are just being started are safe:
//! the kernel keeps children by thread, other threads than the first start scripts, and orphans go to the first.

use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::Signal;
use tokio::time::sleep;

use crate::vrrpd::exec;
use crate::vrrpd::log::log;

/// The moment for which a child that is being started may look like an orphan, if the kernel does not tell the children
/// by thread.
const MOMENT: Duration = Duration::from_secs(1);

/// Reaps orphans as they die, for ever.
pub(super) async fn reap(mut child_died: Signal) {
    let pid = std::process::id();
    // Another namespace's: its numbers are not ours.
    if !fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == pid.to_string().as_str()) {
        if pid == 1 {
            log!(
                NoReaping,
                "vrrpd is process 1, but /proc is not of its namespace: dead processes that scripts leave behind stay"
            );
        }
        return;
    }
    // Most kernels have this file (CONFIG_PROC_CHILDREN).
    let first_thread = format!("/proc/{pid}/task/{pid}/children");
    loop {
        match orphans_of(&first_thread) {
            Some(orphans) => orphans.into_iter().for_each(reap_one),
            None => {
                let before = dead_children();
                sleep(MOMENT).await;
                dead_children().into_iter().filter(|child| before.contains(child)).for_each(reap_one);
            }
        }
        if child_died.recv().await.is_none() {
            return;
        }
    }
}

/// Returns the children in a file of the kernel that are not ours.
fn orphans_of(file: &str) -> Option<Vec<Pid>> {
    let text = fs::read_to_string(file).ok()?;
    let mut children = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect();
    exec::retain_foreign(&mut children);
    Some(children)
}

/// Returns the dead children, of whatever thread, that are not ours.
fn dead_children() -> Vec<Pid> {
    let own = std::process::id().to_string();
    let is_dead_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        (fields.next(), fields.next()) == (Some("Z"), Some(&own))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut dead = pids.filter(is_dead_child).map(Pid::from_raw).collect();
    exec::retain_foreign(&mut dead);
    dead
}

/// Reaps a child if it is dead.
fn reap_one(child: Pid) {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => {}
        // Whatever else: it was reaped. A signal without a name is an error here.
        _ => log!(Reaped, process = child.as_raw(), "reaped process {child}, which nobody waited for"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Children of this process that nobody waits for: what an orphan looks like.
    #[test]
    fn a_dead_child_that_nobody_waits_for_is_found_and_reaped() {
        let start = || Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        for by_thread in [true, false] {
            let pid = Pid::from_raw(start().id().try_into().unwrap());
            let found = || if by_thread { orphans_of("/proc/thread-self/children").unwrap() } else { dead_children() };
            while !found().contains(&pid) {
                std::thread::yield_now();
            }
            while found().contains(&pid) {
                reap_one(pid);
            }
            assert_eq!(waitpid(pid, None), Err(Errno::ECHILD));
        }
    }
}
