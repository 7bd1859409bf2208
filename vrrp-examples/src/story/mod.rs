//! A recording told as a story while it is replayed.

mod clock;
mod picture;

use std::io::{self, Write};

use vrrp_core::record::{Difference, Entry, Event, Recording, Replay, Step};
use vrrp_core::{Action, Input, Instant};

use clock::wall;

pub use picture::draw;

/// The options of the story.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also every packet, timer and advertisement.
    pub verbose: bool,
    /// Only how it ended.
    pub quiet: bool,
    /// Only of these routers; none: of all.
    pub routers: Vec<String>,
}

/// Replays a recording and tells what happens. Returns whether everything came out again.
///
/// # Errors
/// Of the writer.
pub fn tell(recording: &Recording, options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let begin = recording.entries().first().map_or(Instant::ZERO, |entry| entry.at);
    if !recording.about.is_empty() && !options.quiet {
        writeln!(out, "{}", clean(recording.about.clone()))?;
    }
    let mut replay = Replay::new(recording);
    loop {
        match replay.step() {
            Ok(Some(Step { entry, followed, .. })) => {
                let name = entry.router.map_or_else(|| "all".to_owned(), |id| recording.name(id));
                let wanted = options.routers.is_empty() || entry.router.is_none() || options.routers.contains(&name);
                if options.quiet || !wanted || !(options.verbose || is_news(&entry.event)) {
                    continue;
                }
                let config = entry.router.and_then(|id| replay.router(id)).map(|router| router.config());
                let what = entry.event.describe(config);
                let doubt = if followed { "" } else { " (not replayed)" };
                let line = format!("{} {name}: {what}{doubt}", moment(recording, begin, entry.at));
                writeln!(out, "{}", clean(line))?;
            }
            Ok(None) => break,
            Err(difference) => return tell_difference(recording, begin, &difference, out).map(|()| false),
        }
    }
    let outcome = replay.outcome();
    writeln!(
        out,
        "agrees: {} entries, among them {} actions and {} advertisements with every octet the same",
        outcome.agreed, outcome.actions, outcome.advertisements
    )?;
    let left_out = recording.left_out();
    if outcome.skipped > 0 {
        writeln!(out, "{} entries were not replayed: their routers are followed from later on", outcome.skipped)?;
    }
    if left_out.accepted > 0 || left_out.rejected > 0 {
        let (accepted, rejected) = (left_out.accepted, left_out.rejected);
        writeln!(
            out,
            "too many packets came: {accepted} that were accepted and {rejected} that were not are left out"
        )?;
    }
    Ok(true)
}

/// Returns true if an operator would want to know of an event.
fn is_news(event: &Event) -> bool {
    match event {
        Event::Heard { accepted, .. } => !accepted,
        Event::Input(input) => !matches!(
            input,
            Input::Timeout | Input::Installing | Input::AddressInstalled(_) | Input::AddressAvailable(_, true)
        ),
        Event::Asked(action) => !matches!(action, Action::SendAdvertisement(kind) if kind.serves_on()),
        Event::There(_) | Event::GroupSnapshot(_) | Event::Drained | Event::Encoded(_) => false,
        _ => true,
    }
}

fn tell_difference(
    recording: &Recording,
    begin: Instant,
    difference: &Difference,
    out: &mut impl Write,
) -> io::Result<()> {
    let Difference { entry, at, router, recorded, replayed, .. } = difference;
    let name = router.map_or_else(|| "all".to_owned(), |id| recording.name(id));
    let mut line = |text: String| writeln!(out, "{}", clean(text));
    line(format!("{} {name}: differs in entry {}", moment(recording, begin, *at), entry + 1))?;
    if let Some(Entry { event, .. }) = recording.entries().get(*entry) {
        line(format!("  entry:    {}", event.describe(None)))?;
    }
    line(format!("  recorded: {recorded}"))?;
    line(format!("  replayed: {replayed}"))
}

/// Returns a text of others for a terminal: without characters that would move the cursor.
#[must_use]
pub fn clean(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "?") } else { text }
}

/// Returns the time on the wall clock, if that is known, and since the beginning.
fn moment(recording: &Recording, begin: Instant, at: Instant) -> String {
    let since = at.since(begin).as_secs_f64();
    match recording.epoch.and_then(|epoch| epoch.checked_add(at.as_nanos())) {
        Some(nanos) => format!("{} +{since:.6}", wall(nanos)),
        None => format!("+{since:.6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_of_others_does_not_move_the_cursor() {
        let mut recording = Recording::from_text(include_bytes!("../../../fuzz/corpus/recording/group")).unwrap();
        recording.about = "of \u{1b}[2Jothers".to_owned();
        for id in recording.routers() {
            recording.names.insert(id, format!("{id:?}\r\u{9b}2J"));
        }
        let mut told = Vec::new();
        assert!(tell(&recording, &Options::default(), &mut told).unwrap());
        let told = String::from_utf8(told).unwrap();
        assert!(told.starts_with("of ?[2Jothers\n") && told.contains("??2J: ") && told.lines().count() > 2, "{told}");
        assert_eq!(told.find(|c: char| c.is_control() && c != '\n'), None, "{told:?}");
    }
}
