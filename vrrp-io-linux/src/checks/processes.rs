//! The processes that there are. All checks share one look.

use std::fs;
use std::io::{self, Read};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::deadline::{Aside, Deadline};
use super::outcome::{Failure, Why};

/// The step of a look that this is.
pub(super) const LOOK: &str = "processes";

/// The kernel keeps so much of a name.
pub(super) const LONGEST_NAME: usize = 15;

/// The octets of a command line that are looked at.
const COMMAND_LINE: u64 = 64 * 1024;

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) name: Vec<u8>,
    /// The start of the process, in ticks since the boot.
    pub(super) started: u64,
}

/// All processes, as they were at the last look.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    aside: Aside,
    last: Option<(Instant, Arc<Vec<Entry>>)>,
}

impl Table {
    /// Returns them as they are now, or a little later. Who waits for the look of another takes what that one finds, where it
    /// begins after this call.
    pub(super) async fn now(&self, deadline: Deadline) -> Result<Arc<Vec<Entry>>, Failure> {
        let asked = Instant::now();
        let mut state = deadline.step(LOOK, async { Ok::<_, Why>(self.0.lock().await) }).await?;
        if let Some((_, table)) = state.last.as_ref().filter(|(began, _)| *began >= asked) {
            return Ok(Arc::clone(table));
        }
        let began = Instant::now();
        let table = Arc::new(state.aside.run(deadline, LOOK, || Ok(read()?)).await?);
        state.last = Some((began, Arc::clone(&table)));
        Ok(table)
    }
}

fn read() -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir("/proc")? {
        let id = file?.file_name().to_str().and_then(|name| name.parse().ok());
        // A process that has gone meanwhile runs no more.
        entries.extend(id.and_then(entry));
    }
    Ok(entries)
}

/// A process, unless it has ended.
pub(super) fn entry(id: u32) -> Option<Entry> {
    parse(id, &fs::read(format!("/proc/{id}/stat")).ok()?)
}

/// Reads `/proc/ID/stat`: `ID (name) state ...`, of which the 22nd is the start. The name may have anything in it.
fn parse(id: u32, stat: &[u8]) -> Option<Entry> {
    let begin = stat.iter().position(|octet| *octet == b'(')? + 1;
    let end = stat.iter().rposition(|octet| *octet == b')')?;
    let name = stat.get(begin..end)?.to_vec();
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // A zombie, or one that is dead.
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    Some(Entry { id, name, started: fields.nth(18)?.parse().ok()? })
}

/// The words of its command line; none where it has gone.
pub(super) fn command_line(id: u32) -> Vec<Vec<u8>> {
    let read = |file: fs::File| {
        let mut octets = Vec::new();
        file.take(COMMAND_LINE).read_to_end(&mut octets).map(|_| octets)
    };
    let octets = fs::File::open(format!("/proc/{id}/cmdline")).and_then(read).unwrap_or_default();
    let line = octets.strip_suffix(b"\0").unwrap_or(&octets);
    if line.is_empty() { Vec::new() } else { line.split(|octet| *octet == 0).map(<[u8]>::to_vec).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_anything_in_it_and_who_has_ended_is_none() {
        let stat = |state: &str| format!("7 (a) S b) {state} 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 1\n");
        let entry = Entry { id: 7, name: b"a) S b".to_vec(), started: 4711 };
        assert_eq!(parse(7, stat("S").as_bytes()), Some(entry));
        assert_eq!(parse(7, stat("Z").as_bytes()), None);
        for cut in 0..stat("S").len() - 10 {
            assert_eq!(parse(7, &stat("S").as_bytes()[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn this_process_is_among_them() {
        let own = std::process::id();
        let table = read().unwrap();
        let this = table.iter().find(|entry| entry.id == own).unwrap();
        assert_eq!(super::entry(own).unwrap().started, this.started);
        assert!(!command_line(own).is_empty());
    }
}
