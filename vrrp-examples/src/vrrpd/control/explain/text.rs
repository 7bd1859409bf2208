//! The explanation for people: short sentences, the most important first.

use std::fmt::Write as _;
use std::time::Duration;

use super::answer::{Explanation, HeardView, IgnoredView, TimerView};
use crate::vrrpd::control::doctor::text::paragraph;
use crate::vrrpd::control::status::Since;
use crate::vrrpd::doctor::seconds;

/// Returns all of it.
pub(super) fn render(it: &Explanation) -> String {
    let mut text = head(it);
    if !it.findings.is_empty() {
        text.push_str("\nWhat is wrong\n");
        for finding in &it.findings {
            text.push('\n');
            paragraph(&mut text, finding);
        }
    }
    section(&mut text, "What happens next", &it.next);
    section(&mut text, "What would make it Master", &it.becomes_master);
    section(&mut text, "What would make it stop being Master", &it.loses_master);
    section(&mut text, "Evidence", &evidence(it));
    text
}

fn head(it: &Explanation) -> String {
    let Explanation { router, state, interface, family, vrid, cause, priority, configured_priority, .. } = it;
    let since = it.since.as_ref().map(|at| format!(", since {} ({} ago)", at.at, ago(at))).unwrap_or_default();
    let mut text = format!("{router} is {state}{since}.\nWhy: {cause}.\n");
    let configured =
        if priority == configured_priority { String::new() } else { format!(", configured {configured_priority}") };
    // Writing to a String cannot fail.
    let _ = write!(text, "It runs on {interface}, {family}, VRID {vrid}, with priority {priority}{configured}");
    let _ = writeln!(
        text,
        "{}.",
        it.source.as_ref().map(|source| format!(", and sends from {source}")).unwrap_or_default()
    );
    for reason in &it.priority_because {
        let _ = writeln!(text, "  Priority: {reason}.");
    }
    text
}

fn evidence(it: &Explanation) -> Vec<String> {
    let heard = it.heard.iter().map(|HeardView { source, priority, interval, version, last, count }| {
        let says = match priority {
            0 => "released the addresses (priority 0)".to_owned(),
            priority => format!("priority {priority}, every {interval} s, version {version}"),
        };
        format!("Heard from {source}: {says}; the last one {} ago, {count} in all.", ago(last))
    });
    let ignored = it.ignored.iter().map(|IgnoredView { source, why, last, count }| {
        format!("Ignored from {source}: {why}; the last one {} ago, {count} in all.", ago(last))
    });
    let nobody = (it.heard.is_empty() && it.ignored.is_empty()).then(|| {
        format!(
            "No advertisement of another router came. A Master hears none while all others are Backups; \
             `vrrpctl doctor {} --probe` asks whether another host has the addresses too.",
            it.router
        )
    });
    let not_sent = it.not_sent.iter().map(|it| format!("Could not send {it}."));
    let trackers = it.trackers.iter().map(|it| format!("Tracker: {it}."));
    let timers = it.timers.iter().map(|TimerView { timer, ends_in, then }| {
        let left = Duration::try_from_secs_f64(*ends_in).unwrap_or_default();
        format!("Timer {timer} runs out in {}: {then}.", seconds(left))
    });
    heard.chain(ignored).chain(nobody).chain(not_sent).chain(trackers).chain(timers).collect()
}

fn section(text: &mut String, head: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{head}\n\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn ago(since: &Since) -> String {
    let ago = Duration::try_from_secs_f64(since.seconds).unwrap_or_default();
    if ago < Duration::from_secs(120) {
        return seconds(ago);
    }
    humantime::format_duration(Duration::from_secs(ago.as_secs())).to_string()
}
