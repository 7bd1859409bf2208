//! A check that enough processes of a program run.

use std::fs;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::deadline::{Aside, Deadline};
use super::outcome::Failure;
use super::probe::{Arguments, Process};
use super::processes::{Entry, LONGEST_NAME, LOOK, command_line};
use super::watchers::Watchers;
use crate::sys;

/// The end of so many processes is watched for each check; that of others is seen at the next look.
const WATCHED: usize = 32;

/// The knowledge that one look leaves for the next.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The processes of the last look.
    members: Vec<Member>,
    ends: Vec<AsyncFd<fs::File>>,
    births: Option<Arc<Notify>>,
}

/// A process. Its number alone may be that of another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    id: u32,
    /// The start of the process, in ticks since the boot.
    started: u64,
}

pub(super) async fn look(
    process: &Process,
    known: &mut Known,
    watchers: &Watchers,
    aside: &mut Aside,
    deadline: Deadline,
) -> Result<String, Failure> {
    if watchers.watches() && known.births.is_none() {
        let notify = Arc::new(Notify::new());
        watchers.births().tell(name(process), &notify);
        known.births = Some(notify);
    }
    let table = watchers.processes().now(deadline).await?;
    let members: Vec<Member> = if process.full_command || process.arguments.is_some() {
        let process = process.clone();
        aside.run(deadline, LOOK, move || Ok(members(&process, &table))).await?
    } else {
        members(process, &table)
    };
    let before = std::mem::replace(&mut known.members, members);
    known.ends = match watchers.watches() {
        // Where one cannot be watched, the next look sees its end.
        true => {
            known.members.iter().take(WATCHED).filter_map(|it| sys::watch(sys::process(it.id).ok()?).ok()).collect()
        }
        false => Vec::new(),
    };
    judge(process, &before, &known.members)
}

/// Waits until there may be more of them, or less.
pub(super) async fn woken(known: &Known) {
    let ended = poll_fn(|context| {
        let any = known.ends.iter().any(|end| end.poll_read_ready(context).is_ready());
        if any { Poll::Ready(()) } else { Poll::Pending }
    });
    match &known.births {
        Some(births) => tokio::select! {
            () = ended => {}
            () = births.notified() => {}
        },
        None => ended.await,
    }
}

fn judge(process: &Process, before: &[Member], now: &[Member]) -> Result<String, Failure> {
    let (least, most) = (count(process.least), process.most.map(count));
    let found = now.len();
    if found < least {
        return Err(Failure::unexpected(LOOK, format_args!("at least {least}"), found));
    }
    if most.is_some_and(|most| found > most) {
        return Err(Failure::unexpected(LOOK, format_args!("at most {}", most.unwrap_or_default()), found));
    }
    // Between the looks there may have been too few of them.
    let stayed = now.iter().filter(|member| before.contains(member)).count();
    if before.len() >= least && stayed < least {
        let ids = |members: &[Member], others: &[Member]| {
            let ids = members.iter().filter(|member| !others.contains(member)).map(|member| member.id.to_string());
            ids.collect::<Vec<_>>().join(", ")
        };
        let (ended, began) = (ids(before, now), ids(now, before));
        return Err(Failure::new(LOOK, format!("restarted since the last look: {ended} ended, {began} began")));
    }
    Ok(format!("{found} of them"))
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn members(process: &Process, table: &[Entry]) -> Vec<Member> {
    let is_member = |entry: &&Entry| {
        if !process.full_command && entry.name != name(process) {
            return false;
        }
        // One that has gone meanwhile has none.
        (!process.full_command && process.arguments.is_none()) || fits(process, &command_line(entry.id))
    };
    table.iter().filter(is_member).map(|entry| Member { id: entry.id, started: entry.started }).collect()
}

/// Returns whether a command line is one that is looked for.
fn fits(process: &Process, words: &[Vec<u8>]) -> bool {
    let Some((program, found)) = words.split_first() else { return false };
    if process.full_command && program != process.program.as_bytes() {
        return false;
    }
    let is = |found: &Vec<u8>, wanted: &String| found == wanted.as_bytes();
    let begin = |wanted: &[String]| {
        found.len() >= wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| is(found, wanted))
    };
    match &process.arguments {
        None => true,
        Some(Arguments::Exact(wanted)) => found.len() == wanted.len() && begin(wanted),
        Some(Arguments::Initial(wanted)) => begin(wanted),
        Some(Arguments::Partial(wanted)) => wanted.split_last().is_none_or(|(last, first)| {
            begin(first) && found.get(first.len()).is_some_and(|found| found.starts_with(last.as_bytes()))
        }),
    }
}

/// The name that the kernel has for it. Where only the command line is looked at, the one that it most likely has.
fn name(process: &Process) -> Vec<u8> {
    let program = match process.full_command {
        true => process.program.rsplit('/').next().unwrap_or_default(),
        false => &process.program,
    };
    program.bytes().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn process(program: &str) -> Process {
        Process {
            program: program.to_owned(),
            arguments: None,
            full_command: false,
            least: 1,
            most: None,
            delay_up: Duration::ZERO,
            delay_down: Duration::ZERO,
        }
    }

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn arguments_are_all_or_the_first_or_the_first_and_a_begin() {
        let some = |arguments: fn(Vec<String>) -> Arguments, line: &str| {
            let arguments = Some(arguments(line.split(' ').map(str::to_owned).collect()));
            Process { arguments, ..process("squid") }
        };
        let line = words("/usr/sbin/squid -s -f /etc/squid.conf");
        assert!(fits(&some(Arguments::Exact, "-s -f /etc/squid.conf"), &line));
        assert!(!fits(&some(Arguments::Exact, "-s -f"), &line));
        assert!(fits(&some(Arguments::Initial, "-s -f"), &line));
        assert!(!fits(&some(Arguments::Initial, "-s /etc"), &line));
        assert!(!fits(&some(Arguments::Initial, "-s -f /etc/squid.conf -N"), &line));
        assert!(fits(&some(Arguments::Partial, "-s -f /etc"), &line));
        assert!(!fits(&some(Arguments::Partial, "-s /etc"), &line));
        assert!(!fits(&some(Arguments::Partial, "-s -f /etc/squid.conf -"), &line));
    }

    #[test]
    fn a_whole_command_line_has_the_path() {
        let whole = Process { full_command: true, ..process("/usr/sbin/squid") };
        assert!(fits(&whole, &words("/usr/sbin/squid -s")));
        assert!(!fits(&whole, &words("squid -s")));
        assert!(!fits(&whole, &[]));
        assert_eq!(name(&whole), b"squid");
        assert_eq!(name(&process("a-rather-long-name")), b"a-rather-long-n");
    }

    #[test]
    fn too_few_too_many_and_a_restart_fail() {
        let member = |id| Member { id, started: 7 };
        let said = |process: &Process, before: &[Member], now: &[Member]| {
            judge(process, before, now).map_err(|why| why.to_string())
        };
        let one = process("squid");
        assert_eq!(said(&one, &[], &[member(1)]), Ok("1 of them".to_owned()));
        assert_eq!(said(&one, &[member(1)], &[]), Err("processes: expected at least 1, found 0".to_owned()));
        let few = Process { most: Some(2), ..one.clone() };
        let three = [member(1), member(2), member(3)];
        assert_eq!(said(&few, &three, &three), Err("processes: expected at most 2, found 3".to_owned()));
        let restarted = said(&one, &[member(1)], &[member(2)]).unwrap_err();
        assert_eq!(restarted, "processes: restarted since the last look: 1 ended, 2 began");
        assert!(said(&one, &[member(1)], &[Member { id: 1, started: 8 }]).is_err(), "the same number");
        assert!(said(&one, &three, &[member(3), member(4)]).is_ok(), "one was there all the time");
    }
}
