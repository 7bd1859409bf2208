//! A timeline as JSON, for the page and for whoever draws it himself.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::model::{AdvertisementKind, Fate, LaneState, MarkKind, Timeline};

impl Timeline {
    /// Returns it as one JSON object. Moments are nanoseconds, lanes and clients are positions in their lists, everything
    /// is sorted by time. No character in it ends an HTML script.
    ///
    /// `title`, `passed` (or null), `facts` (`[name, value]`), `wall` (`[at, milliseconds since 1970]` or null), `span`
    /// (`[from, until]`), `missing` (a count), `lanes` (`{host, router}`), `states` (`[at, lane, state, cause]`), `held`
    /// (`[at, lane, address, 1 or 0]`), `advertisements` (`[at, lane, priority, kind, [[lane, fate, at, reason], …]]`), `cuts`
    /// (`[at, from, to, 1 or 0]`), `marks` (`[at, lane or null, kind, text]`), `clients` (names) and `outages`
    /// (`[client, from, until or null, lost, reason]`).
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_json(&mut out);
        out
    }

    pub(super) fn write_json(&self, out: &mut String) -> fmt::Result {
        write!(out, "{{\"title\":{}", Text(&self.title))?;
        out.push_str(match self.passed {
            Some(true) => ",\"passed\":true",
            Some(false) => ",\"passed\":false",
            None => ",\"passed\":null",
        });
        list(out, "facts", self.facts.iter(), |out, (name, value)| write!(out, "[{},{}]", Text(name), Text(value)))?;
        match self.unix {
            Some((at, unix)) => write!(out, ",\"wall\":[{},{}]", at.as_nanos(), unix / 1_000_000)?,
            None => out.push_str(",\"wall\":null"),
        }
        let (from, until) = self.span();
        write!(out, ",\"span\":[{},{}],\"missing\":{}", from.as_nanos(), until.as_nanos(), self.missing)?;
        list(out, "lanes", self.lanes.iter(), |out, lane| {
            write!(out, "{{\"host\":{},\"router\":{}}}", Text(&lane.host), Text(&lane.router))
        })?;
        let states = sorted(self.states.iter().filter(|change| self.has(change.lane)), |change| change.at);
        list(out, "states", states.into_iter(), |out, change| {
            let (at, lane) = (change.at.as_nanos(), change.lane.index());
            write!(out, "[{at},{lane},\"{}\",{}]", change.state.word(), Text(&change.cause))
        })?;
        let held = sorted(self.held.iter().filter(|held| self.has(held.lane)), |held| held.at);
        list(out, "held", held.into_iter(), |out, held| {
            let (at, lane, holds) = (held.at.as_nanos(), held.lane.index(), u8::from(held.holds));
            write!(out, "[{at},{lane},{},{holds}]", Text(&held.address))
        })?;
        let sent = sorted(self.advertisements.iter().filter(|sent| self.has(sent.from)), |sent| sent.at);
        list(out, "advertisements", sent.into_iter(), |out, sent| {
            let (at, lane, priority) = (sent.at.as_nanos(), sent.from.index(), sent.priority);
            write!(out, "[{at},{lane},{priority},\"{}\",[", sent.kind.word())?;
            let known = sent.to.iter().filter(|(lane, _)| self.has(*lane));
            separated(out, known, |out, (lane, fate)| {
                write!(out, "[{},\"{}\"", lane.index(), fate.word())?;
                if let Some(at) = fate.at() {
                    write!(out, ",{}", at.as_nanos())?;
                }
                if let Fate::Rejected(_, reason) = fate {
                    write!(out, ",{}", Text(reason))?;
                }
                out.write_char(']')
            })?;
            out.write_str("]]")
        })?;
        let cuts = self.cuts.iter().filter(|cut| self.has(cut.from) && self.has(cut.to));
        list(out, "cuts", sorted(cuts, |cut| cut.at).into_iter(), |out, cut| {
            let (at, from, to, cut) = (cut.at.as_nanos(), cut.from.index(), cut.to.index(), u8::from(cut.cut));
            write!(out, "[{at},{from},{to},{cut}]")
        })?;
        let marks = self.marks.iter().filter(|mark| mark.lane.is_none_or(|lane| self.has(lane)));
        list(out, "marks", sorted(marks, |mark| mark.at).into_iter(), |out, mark| {
            write!(out, "[{},", mark.at.as_nanos())?;
            match mark.lane {
                Some(lane) => write!(out, "{}", lane.index())?,
                None => out.push_str("null"),
            }
            write!(out, ",\"{}\",{}]", mark.kind.word(), Text(&mark.text))
        })?;
        list(out, "clients", self.clients.iter(), |out, name| write!(out, "{}", Text(name)))?;
        list(out, "outages", sorted(self.outages.iter(), |outage| outage.from).into_iter(), |out, outage| {
            write!(out, "[{},{},", outage.client, outage.from.as_nanos())?;
            match outage.until {
                Some(until) => write!(out, "{}", until.as_nanos())?,
                None => out.push_str("null"),
            }
            write!(out, ",{},{}]", outage.lost, Text(&outage.reason))
        })?;
        out.write_char('}')
    }
}

impl LaneState {
    /// Its name in the JSON, and in the styles of both pictures.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Down => "down",
            Self::Hung => "hung",
            Self::Initialize => "initialize",
            Self::Fault => "fault",
            Self::Backup => "backup",
            Self::Master => "master",
        }
    }
}

impl AdvertisementKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Release => "release",
            Self::HandOver => "hand-over",
            Self::Yield => "yield",
            Self::Forged => "forged",
        }
    }
}

impl Fate {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Heard(_) => "heard",
            Self::Rejected(..) => "rejected",
            Self::Unheard(_) => "unheard",
            Self::Lost => "lost",
            Self::Cut => "cut",
        }
    }
}

impl MarkKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Mended => "mended",
            Self::Note => "note",
            Self::Failure => "failure",
        }
    }
}

fn sorted<'a, T, K: Ord>(items: impl Iterator<Item = &'a T>, key: impl Fn(&T) -> K) -> Vec<&'a T> {
    let mut items: Vec<&T> = items.collect();
    items.sort_by_key(|item| key(item));
    items
}

fn list<T>(
    out: &mut String,
    name: &str,
    items: impl Iterator<Item = T>,
    one: impl FnMut(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    write!(out, ",\"{name}\":[")?;
    separated(out, items, one)?;
    out.write_char(']')
}

fn separated<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    mut one: impl FnMut(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(',');
        }
        one(out, item)?;
    }
    Ok(())
}

/// A JSON string, which holds nothing that HTML could take for its own.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => write!(f, "\\u{:04x}", u32::from(character))?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use serde_json::{Value, json};

    use super::*;
    use crate::time::Instant;
    use crate::timeline::Advertisement;

    #[test]
    fn any_text_comes_back_and_ends_no_script() {
        let evil: String =
            (0..0x300_u32).chain([0x2028, 0x2029, 0xfffe, 0x1_f600]).filter_map(char::from_u32).collect();
        let text = Text(&evil).to_string();
        assert!(!text.contains(['<', '>', '&', '\'', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!(evil));
    }

    #[test]
    fn everything_is_in_it_by_time() {
        let at = Instant::from_nanos;
        let mut timeline = Timeline::new("all");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        let stranger = { Timeline::new("").lane("x", "") };
        assert_eq!(stranger, a, "ids are positions");
        timeline.fact("name", "value");
        timeline.verdict(true);
        timeline.wall_clock(at(3), 7_000_000);
        timeline.leaves_out(2);
        timeline.state(at(9), b, LaneState::Backup, "late");
        timeline.state(at(1), a, LaneState::Master, "early");
        timeline.holds(at(1), a, "192.0.2.1", true);
        timeline.advertisement(
            Advertisement::new(at(4), a, 0).to(b, Fate::Rejected(at(5), "bad".to_string())).to(a, Fate::Lost),
        );
        timeline.cut(at(2), a, b, true);
        timeline.mark(at(2), None, MarkKind::Broken, "cut");
        timeline.outage("c", at(2), None, 4, "why");
        let told: Value = serde_json::from_str(&timeline.to_json()).unwrap();
        let expected = json!({
            "title": "all", "passed": true, "facts": [["name", "value"]], "wall": [3, 7], "span": [1, 9], "missing": 2,
            "lanes": [{ "host": "a", "router": "1" }, { "host": "b", "router": "1" }],
            "states": [[1, 0, "master", "early"], [9, 1, "backup", "late"]],
            "held": [[1, 0, "192.0.2.1", 1]],
            "advertisements": [[4, 0, 0, "release", [[1, "rejected", 5, "bad"], [0, "lost"]]]],
            "cuts": [[2, 0, 1, 1]],
            "marks": [[2, null, "broken", "cut"]],
            "clients": ["c"],
            "outages": [[0, 2, null, 4, "why"]],
        });
        assert_eq!(told, expected);
    }
}
