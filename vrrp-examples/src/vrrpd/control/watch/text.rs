//! The same for people.

use super::answer::{Event, Snapshot, Standing, Watched, Why};

pub(super) fn watched(watched: &Watched) -> String {
    match watched {
        Watched::Snapshot(Snapshot { version, time, routers }) => {
            let count = match routers.len() {
                1 => "1 virtual router".to_owned(),
                n => format!("{n} virtual routers"),
            };
            let head = format!("vrrpd {version}, {count}, at {time}\n");
            routers.iter().fold(head, |text, router| text + &standing(router))
        }
        Watched::Event(Event { sequence, time, level, id, message, .. }) => {
            let mut text = String::new();
            // Only the first line begins with the numbers.
            for (at, line) in message.lines().enumerate() {
                text += &match at {
                    0 => format!("{sequence} {time} {} {id}: {line}\n", level.name()),
                    _ => format!("  {line}\n"),
                };
            }
            text
        }
        Watched::Lost { count } => {
            let events = if *count == 1 { "1 event is" } else { &format!("{count} events are") };
            format!("{events} missing here: this reader did not keep up; ask for the status\n")
        }
        Watched::Other => "an event that this release of vrrpctl does not know\n".to_owned(),
    }
}

fn standing(Standing { router, state, priority, master, since, cause }: &Standing) -> String {
    let since = since.as_ref().map(|since| format!(" since {}", since.at)).unwrap_or_default();
    let master = match master {
        Some(address) if state != "Master" => format!(", Master is {address}"),
        _ => String::new(),
    };
    format!("  {router}: {state}{since} at priority {priority}{master}: {cause}\n")
}

pub(super) fn end(why: Why) -> String {
    match why {
        Why::Stopped => "vrrpd has stopped\n".to_owned(),
        Why::Upgraded => "another vrrpd goes on in its place; watch again\n".to_owned(),
    }
}
