//! A still picture, for a text: it needs no script, and shows the same as the page does at first.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::markup::Escaped;
use super::model::{Advertisement, AdvertisementKind, Fate, Holders, LaneId, LaneState, MarkKind, Timeline};
use super::takeover::{Before, Takeover};
use super::words::{fixed, span};
use crate::time::Instant;

const STYLE: &str = include_str!("picture.css");
const WIDTH: i64 = 960;
const BAR: i64 = 22;
const GAP: i64 = 30;
/// Arrows at most; where there are more, one stands for several.
const ARROWS: usize = 1500;
/// A letter's width. Fonts differ: this is a wide one's.
const LETTER: i64 = 7;

impl Timeline {
    /// Returns it as an SVG picture, for light and for dark grounds and for paper.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = Picture::new(self).write(&mut out);
        out
    }
}

/// Tenths of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Px(i64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match size % 10 {
            0 => write!(f, "{sign}{}", size / 10),
            tenth => write!(f, "{sign}{}.{tenth}", size / 10),
        }
    }
}

/// Layers, each above the one before.
#[derive(Default)]
struct Layers {
    grid: String,
    bands: String,
    lines: String,
    bars: String,
    arrows: String,
    inscriptions: String,
    labels: String,
}

struct Picture<'a> {
    timeline: &'a Timeline,
    from: Instant,
    until: Instant,
    /// The left edge of the plot.
    left: i64,
    layers: Layers,
    /// Top of the bar of each lane.
    tops: BTreeMap<LaneId, i64>,
    /// The row and place of the last bar that is too short to be seen.
    shortest: Option<(i64, i64)>,
    /// There is more than one in a place.
    crowded: bool,
    /// An arrow stands for several.
    grouped: bool,
}

/// One bar of a row.
struct Bar<'a> {
    top: i64,
    height: i64,
    from: Instant,
    until: Instant,
    style: Cow<'a, str>,
    /// The first for which there is room.
    texts: Vec<Cow<'a, str>>,
    hatched: Option<&'static str>,
}

impl<'a> Picture<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        let (from, until) = timeline.span();
        let names = (timeline.lanes.iter().flat_map(|lane| [&lane.host, &lane.router]))
            .chain(&timeline.clients)
            .chain(timeline.held.iter().map(|held| &held.address));
        let longest = names.map(|name| width(name)).max().unwrap_or_default();
        Self {
            timeline,
            from,
            until,
            left: longest.clamp(60, 210) + 20,
            layers: Layers::default(),
            tops: BTreeMap::new(),
            shortest: None,
            crowded: false,
            grouped: false,
        }
    }

    fn write(mut self, out: &mut String) -> fmt::Result {
        let timeline = self.timeline;
        let mut y = 44;
        self.text(10, 18, "title", "start", &timeline.title)?;
        y = self.flags(y)?;
        let top = y;
        for router in routers(timeline) {
            y = self.group(router, y)?;
        }
        if !timeline.clients.is_empty() {
            y = self.clients(y)?;
        }
        let bottom = y + 4;
        self.axis(bottom)?;
        self.marks(top, bottom)?;
        self.arrows()?;
        let mut height = self.legend(bottom + 6)?;
        let notes: Vec<&str> = [
            (self.crowded, "Where much changes within a hair's breadth, not all of it is drawn."),
            (self.grouped, "One arrow stands for several advertisements."),
            (timeline.missing > 0, "Older things were not kept."),
        ]
        .into_iter()
        .filter_map(|(is, text)| is.then_some(text))
        .collect();
        if !notes.is_empty() {
            height += 20;
            self.text(self.left, height - 8, "address", "start", &notes.join(" "))?;
        }
        self.finish(out, height)
    }

    /// Draws the legend of the arrows that occur. Returns where the picture goes on.
    fn legend(&mut self, y: i64) -> Result<i64, fmt::Error> {
        let sent = &self.timeline.advertisements;
        let any = |word: &str| sent.iter().flat_map(|sent| &sent.to).any(|(_, fate)| fate.word() == word);
        let of_kind = |kinds: &[AdvertisementKind]| sent.iter().any(|sent| kinds.contains(&sent.kind));
        let head = "M26,9l-7,-3.5v7z";
        let entries = [
            (any("heard"), "heard", "", 26, head, "advertisement"),
            (
                of_kind(&[AdvertisementKind::Release, AdvertisementKind::HandOver]),
                "heard",
                " kind-release",
                26,
                head,
                "release",
            ),
            (of_kind(&[AdvertisementKind::Yield]), "heard", " kind-yield", 26, head, "yield advertisement"),
            (any("rejected"), "rejected", "", 26, head, "rejected"),
            (any("lost"), "lost", "", 18, "M14,5l8,8m0,-8l-8,8", "lost"),
            (any("cut"), "cut", "", 16, "M16,3v12", "cut off"),
            (any("unheard"), "unheard", "", 20, "M20,9a2.5,2.5 0 1 0 5,0a2.5,2.5 0 1 0 -5,0", "nobody listens"),
        ];
        let mut x = self.left;
        for (_, fate, kind, long, end, text) in entries.into_iter().filter(|(is, ..)| *is) {
            let layer = &mut self.layers.labels;
            writeln!(
                layer,
                "<g class=\"arrow {fate}{kind}\" transform=\"translate({x} {y})\"><path d=\"M0,9H{long}\" class=\"way\"/>\
                 <path d=\"{end}\" class=\"end\"/></g>"
            )?;
            self.text(x + 34, y + 13, "address", "start", text)?;
            x += 34 + width(text) + 18;
        }
        Ok(if x > self.left { y + 22 } else { y })
    }

    fn finish(self, out: &mut String, height: i64) -> fmt::Result {
        let Self { timeline, layers, left, .. } = self;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"t d\">"
        )?;
        writeln!(out, "<title id=\"t\">{}</title>", Escaped(&timeline.title))?;
        writeln!(out, "<desc id=\"d\">{}</desc>", Escaped(&timeline.headlines().join(" ")))?;
        writeln!(out, "<style>\n{STYLE}.title {{ font-size: 15px; font-weight: 600; }}\n</style>\n<defs>")?;
        for name in ["fault", "cut", "both"] {
            writeln!(
                out,
                "<pattern id=\"{name}\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
                 patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" class=\"{name}-lines-ground\"/>\
                 <rect width=\"3\" height=\"7\" class=\"{name}-lines\"/></pattern>"
            )?;
        }
        let plot = WIDTH - left - 12;
        writeln!(
            out,
            "<clipPath id=\"plot\"><rect x=\"{left}\" y=\"0\" width=\"{plot}\" height=\"{height}\"/></clipPath>"
        )?;
        writeln!(out, "</defs>\n<rect width=\"{WIDTH}\" height=\"{height}\" style=\"fill:var(--ground)\"/>")?;
        let Layers { grid, bands, lines, bars, arrows, inscriptions, labels } = layers;
        for (layer, clipped) in [
            (grid, false),
            (bands, true),
            (lines, true),
            (bars, false),
            (arrows, true),
            (inscriptions, false),
            (labels, false),
        ] {
            let clip = if clipped { " clip-path=\"url(#plot)\"" } else { "" };
            write!(out, "<g{clip}>\n{layer}</g>\n")?;
        }
        out.write_str("</svg>\n")
    }

    /// Returns where a moment is.
    fn x(&self, at: Instant) -> Px {
        let plot = ((WIDTH - self.left - 12) * 10) as i128;
        let whole = i128::from(self.until.as_nanos().saturating_sub(self.from.as_nanos()).max(1));
        let since = i128::from(at.as_nanos()) - i128::from(self.from.as_nanos());
        let x = (since * plot / whole).clamp(-100_000, 100_000);
        Px(self.left * 10 + x as i64)
    }

    /// The same, but within the plot.
    fn inside(&self, at: Instant) -> Px {
        let Px(x) = self.x(at);
        Px(x.clamp(self.left * 10, (WIDTH - 12) * 10))
    }

    fn visible(&self, from: Instant, until: Instant) -> bool {
        until >= self.from && from <= self.until
    }

    /// From where times are counted: where the first thing broke.
    fn zero(&self) -> Instant {
        let broken = self.timeline.marks.iter().filter(|mark| mark.kind == MarkKind::Broken).map(|mark| mark.at);
        broken.min().unwrap_or(self.from)
    }

    fn text(&mut self, x: i64, y: i64, style: &str, anchor: &str, text: &str) -> fmt::Result {
        let room = if anchor == "end" { x } else { WIDTH - x };
        let text = fit(text, room);
        writeln!(
            self.layers.labels,
            "<text x=\"{x}\" y=\"{y}\" class=\"{style}\" text-anchor=\"{anchor}\">{}</text>",
            Escaped(&text)
        )
    }

    /// Flags of what was broken and mended, each where it meets no other. Returns where the plot goes on.
    fn flags(&mut self, y: i64) -> Result<i64, fmt::Error> {
        let timeline = self.timeline;
        let mut marks: Vec<_> = timeline.marks.iter().filter(|mark| mark.kind != MarkKind::Note).collect();
        marks.retain(|mark| self.visible(mark.at, mark.at));
        marks.sort_by_key(|mark| mark.at);
        let mut levels: [i64; 3] = [i64::MIN; 3];
        let mut deepest = 0;
        let mut flags = String::new();
        for mark in marks {
            let text = match mark.lane {
                Some(lane) => format!("{}: {}", timeline.host(lane), mark.text),
                None => mark.text.clone(),
            };
            let text = fit(&text, 300);
            let long = width(&text) + 12;
            let Px(at) = self.x(mark.at);
            let start = (at / 10).min(WIDTH - 12 - long).max(self.left);
            let level = levels.iter().position(|taken| *taken < start);
            let style = mark.kind.word();
            let x = Px(at);
            let top = level.map_or(y, |level| y + level as i64 * 19);
            writeln!(self.layers.lines, "<path d=\"M{x},{top}V@\" class=\"mark {style}\"/>")?;
            let Some(level) = level else {
                continue;
            };
            if let Some(taken) = levels.get_mut(level) {
                *taken = start + long + 2;
            }
            deepest = deepest.max(level as i64 + 1);
            writeln!(
                flags,
                "<rect x=\"{start}\" y=\"{top}\" width=\"{long}\" height=\"17\" rx=\"2\" class=\"flag {style}\"/>\
                 <text x=\"{}\" y=\"{}\" class=\"flag-text {style}\">{}</text>",
                start + 6,
                top + 13,
                Escaped(&text)
            )?;
        }
        self.layers.labels.push_str(&flags);
        Ok(y + 19 * deepest)
    }

    /// One virtual router: lanes, addresses, takeovers.
    fn group(&mut self, router: &str, y: i64) -> Result<i64, fmt::Error> {
        let timeline = self.timeline;
        let lanes: Vec<LaneId> = timeline
            .lane_ids()
            .filter(|id| timeline.lanes.get(id.index()).is_some_and(|lane| lane.router == router))
            .collect();
        let label = y + 10;
        self.text(self.left - 10, label + 13, "router", "end", router)?;
        let bars = label + 22;
        let mut y = bars;
        for (position, lane) in lanes.iter().enumerate() {
            self.text(self.left - 10, y + 15, "lane", "end", timeline.host(*lane))?;
            self.tops.insert(*lane, y);
            self.states(*lane, y)?;
            y += BAR;
            y += self.cuts(*lane, y)?;
            y += if position + 1 < lanes.len() { GAP } else { 8 };
        }
        let holders = timeline.holders();
        let of_group = |holders: &&Holders<'_>| {
            let first = holders.since.iter().flat_map(|(_, lanes)| lanes).next();
            first.is_some_and(|lane| lanes.contains(lane))
        };
        for address in holders.iter().filter(of_group) {
            self.text(self.left - 10, y + 14, "address", "end", address.address)?;
            self.holders(address, &lanes, y)?;
            y += 23;
        }
        let mut taken = i64::MIN;
        for takeover in timeline.takeovers().iter().filter(|takeover| lanes.contains(&takeover.to)) {
            self.takeover(takeover, label, bars, y, &mut taken)?;
        }
        Ok(y + 6)
    }

    fn states(&mut self, lane: LaneId, top: i64) -> fmt::Result {
        let states = self.timeline.states(lane);
        for (position, (from, state, cause)) in states.iter().enumerate() {
            let until = states.get(position + 1).map_or(self.until, |(at, ..)| *at);
            let name = state.name();
            let long = if cause.is_empty() { Cow::Borrowed(name) } else { format!("{name}: {cause}").into() };
            let (style, hatched) =
                (format!("state-{}", state.word()).into(), (*state == LaneState::Fault).then_some("fault"));
            let texts = alloc::vec![long, name.into()];
            self.bar(Bar { top, height: BAR, from: *from, until, style, texts, hatched })?;
        }
        Ok(())
    }

    /// Returns the height of what it draws.
    fn cuts(&mut self, lane: LaneId, top: i64) -> Result<i64, fmt::Error> {
        let mut cuts: Vec<_> = self.timeline.cuts.iter().filter(|cut| cut.from == lane).collect();
        cuts.sort_by_key(|cut| cut.at);
        let mut drawn = 0;
        for (position, cut) in cuts.iter().enumerate().filter(|(_, cut)| cut.cut) {
            let mended = cuts.iter().skip(position).find(|other| other.to == cut.to && !other.cut);
            let until = mended.map_or(self.until, |mended| mended.at);
            if self.visible(cut.at, until) {
                let (style, texts) = ("cut".into(), Vec::new());
                self.bar(Bar { top: top + 1, height: 6, from: cut.at, until, style, texts, hatched: Some("cut") })?;
                drawn = 6;
            }
        }
        Ok(drawn)
    }

    fn holders(&mut self, holders: &Holders<'_>, lanes: &[LaneId], top: i64) -> fmt::Result {
        for (position, (from, holding)) in holders.since.iter().enumerate() {
            let until = holders.since.get(position + 1).map_or(self.until, |(at, _)| *at);
            let long = span(until.since(*from));
            let (style, texts, hatched): (Cow<'_, str>, Vec<Cow<'_, str>>, _) = match holding.as_slice() {
                [] => ("nobody".into(), alloc::vec![format!("nobody for {long}").into(), "nobody".into()], None),
                [one] => {
                    let place = lanes.iter().position(|lane| lane == one).unwrap_or_default() % 4;
                    let host = self.timeline.host(*one);
                    (format!("holder-{place}").into(), alloc::vec![format!("on {host}").into(), host.into()], None)
                }
                several => {
                    let hosts = self.timeline.hosts(several);
                    ("both".into(), alloc::vec![format!("on {hosts} for {long}").into(), "both".into()], Some("both"))
                }
            };
            self.bar(Bar { top: top + 1, height: 18, from: *from, until, style, texts, hatched })?;
        }
        Ok(())
    }

    fn bar(&mut self, bar: Bar<'_>) -> fmt::Result {
        let Bar { top, height, from, until, style, texts, hatched } = bar;
        if !self.visible(from, until) || until < from {
            return Ok(());
        }
        let (Px(x0), Px(x1)) = (self.inside(from), self.inside(until));
        if until == from {
            return Ok(());
        }
        let place = (top, x0 / 10);
        if x1 - x0 < 5 && self.shortest.replace(place) == Some(place) {
            self.crowded = true;
            return Ok(());
        }
        let fill = hatched.map(|name| format!(" style=\"fill:url(#{name})\"")).unwrap_or_default();
        writeln!(
            self.layers.bars,
            "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\" class=\"bar {style}\"{fill}/>",
            Px(x0),
            Px((x1 - x0).max(8))
        )?;
        let room = (x1 - x0) / 10 - 12;
        let Some(text) = texts.iter().find(|text| width(text) <= room) else { return Ok(()) };
        if hatched.is_some() {
            writeln!(
                self.layers.inscriptions,
                "<rect x=\"{}\" y=\"{top}.5\" width=\"{}\" height=\"{}\" rx=\"2\" class=\"plate\"/>",
                Px(x0 + 30),
                width(text) + 6,
                height - 1
            )?;
        }
        writeln!(
            self.layers.inscriptions,
            "<text x=\"{}\" y=\"{}\" class=\"on {style}\">{}</text>",
            Px(x0 + 60),
            top + height / 2 + 4,
            Escaped(text)
        )
    }

    fn takeover(&mut self, takeover: &Takeover, label: i64, top: i64, bottom: i64, taken: &mut i64) -> fmt::Result {
        if !self.visible(takeover.yield_advertisement, takeover.at) {
            return Ok(());
        }
        let (x0, x1) = (self.x(takeover.yield_advertisement), self.x(takeover.at));
        let (in_turn, took) = (takeover.before == Before::Yielded, span(takeover.took()));
        let (text, style) = match takeover.before {
            Before::Gone => (format!("takeover {took}"), "takeover"),
            Before::Yielded => (format!("to {}, no gap", self.timeline.host(takeover.to)), "takeover in-turn"),
            Before::Stayed => (format!("second Master after {took}"), "takeover"),
        };
        let long = width(&text);
        let centre = if in_turn {
            x1.0 / 10
        } else {
            writeln!(
                self.layers.bands,
                "<rect x=\"{x0}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"band\"/>\
                 <path d=\"M{x0},{}v-5H{x1}v5\" class=\"bracket\"/>",
                top - 4,
                Px((x1.0 - x0.0).max(10)),
                bottom - top + 4,
                top - 1
            )?;
            (self.inside(takeover.yield_advertisement).0 + self.inside(takeover.at).0) / 20
        };
        if in_turn {
            writeln!(self.layers.bands, "<path d=\"M{x1},{}l-4,-6h8z\" class=\"in-turn\"/>", top - 1)?;
        }
        let start = (centre - long / 2).min(WIDTH - 12 - long).max(self.left);
        if start > *taken {
            *taken = start + long + 8;
            let middle = start + long / 2;
            writeln!(
                self.layers.labels,
                "<text x=\"{middle}\" y=\"{}\" class=\"{style}\" text-anchor=\"middle\">{}</text>",
                label + 12,
                Escaped(&text)
            )?;
        }
        Ok(())
    }

    fn clients(&mut self, y: i64) -> Result<i64, fmt::Error> {
        let timeline = self.timeline;
        self.text(self.left - 10, y + 23, "router", "end", "clients")?;
        let mut y = y + 28;
        for (client, name) in timeline.clients.iter().enumerate() {
            self.text(self.left - 10, y + 14, "address", "end", name)?;
            let (left, right, middle) = (self.left, WIDTH - 12, y + 10);
            writeln!(self.layers.bars, "<path d=\"M{left},{middle}H{right}\" class=\"served\"/>")?;
            for outage in timeline.outages.iter().filter(|outage| outage.client == client) {
                let until = outage.until.unwrap_or(self.until);
                let (more, long) =
                    (if outage.until.is_none() { "more than " } else { "" }, span(until.since(outage.from)));
                let texts = alloc::vec![format!("no answer for {more}{long}").into(), long.into()];
                let (from, style) = (outage.from, "outage".into());
                self.bar(Bar { top: y + 1, height: 18, from, until, style, texts, hatched: None })?;
            }
            y += 23;
        }
        Ok(y)
    }

    fn axis(&mut self, bottom: i64) -> fmt::Result {
        let zero = self.zero().as_nanos();
        let whole = self.until.as_nanos().saturating_sub(self.from.as_nanos()).max(1);
        let step = step(whole / 12);
        let (first, phase) = (self.from.as_nanos(), zero % step);
        let since = first % step;
        let ahead = if since <= phase { phase - since } else { step - (since - phase) };
        let mut at = first.saturating_add(ahead);
        while at <= self.until.as_nanos() {
            let x = self.x(Instant::from_nanos(at));
            let style = if at == zero { "tick zero" } else { "tick" };
            writeln!(self.layers.grid, "<path d=\"M{x},42V{bottom}\" class=\"{style}\"/>")?;
            let sign = if at < zero { "−" } else { "" };
            let text = match at.abs_diff(zero) {
                0 => "0".into(),
                since => format!("{sign}{}", tick(since, step)),
            };
            let inside = Px(x.0.min((WIDTH - 12) * 10 - width(&text) * 5 + 60));
            writeln!(
                self.layers.grid,
                "<text x=\"{inside}\" y=\"38\" class=\"time\" text-anchor=\"middle\">{text}</text>"
            )?;
            let Some(next) = at.checked_add(step) else { break };
            at = next;
        }
        Ok(())
    }

    /// Small news on its lane, and an end for the lines of the flags.
    fn marks(&mut self, top: i64, bottom: i64) -> fmt::Result {
        self.layers.lines = self.layers.lines.replace("V@", &format!("V{bottom}"));
        let mut last: BTreeMap<i64, i64> = BTreeMap::new();
        let mut notes: Vec<_> = self.timeline.marks.iter().filter(|mark| mark.kind == MarkKind::Note).collect();
        notes.sort_by_key(|mark| mark.at);
        for mark in notes {
            let y = mark.lane.and_then(|lane| self.tops.get(&lane).copied()).unwrap_or(top + 6);
            let x = self.x(mark.at);
            let taken = last.get(&y).is_some_and(|last| x.0 - last < 10);
            if self.visible(mark.at, mark.at) && !taken {
                last.insert(y, x.0);
                let text = Escaped(&mark.text);
                writeln!(
                    self.layers.labels,
                    "<path d=\"M{x},{y}l-4,-6h8z\" class=\"note\"><title>{text}</title></path>"
                )?;
            }
        }
        Ok(())
    }

    fn arrows(&mut self) -> fmt::Result {
        let timeline = self.timeline;
        let shown: Vec<&Advertisement> = timeline
            .advertisements
            .iter()
            .filter(|sent| self.visible(sent.at, sent.at) && timeline.has(sent.from))
            .collect();
        let mut column = 0;
        loop {
            // The first of each group, and how many it stands for.
            let mut groups: BTreeMap<_, (&Advertisement, Option<&Fate>, u64)> = BTreeMap::new();
            for (number, sent) in shown.iter().enumerate() {
                let place = if column == 0 { number as i64 } else { self.x(sent.at).0 / column };
                let known = sent.to.iter().filter(|(lane, _)| timeline.has(*lane));
                let targets = known.map(|(lane, fate)| (Some(*lane), Some(fate)));
                let nobody = core::iter::once((None, None)).filter(|_| sent.to.is_empty());
                for (lane, fate) in targets.chain(nobody) {
                    let key = (place, sent.from, lane, fate.map(Fate::word), sent.kind.word());
                    groups.entry(key).or_insert((sent, fate, 0)).2 += 1;
                }
            }
            if groups.len() > ARROWS && column < 10_000 {
                column = (column * 2).max(30);
                continue;
            }
            // Arrows that did not arrive lie on top, so that nothing hides them.
            for on_top in [false, true] {
                let arrived = |fate: &Option<&Fate>| matches!(fate, None | Some(Fate::Heard(_)));
                for ((_, from, to, ..), (sent, fate, count)) in
                    groups.iter().filter(|(_, (_, fate, _))| arrived(fate) != on_top)
                {
                    self.grouped |= *count > 1;
                    self.arrow(sent, *from, *to, *fate, *count)?;
                }
            }
            return Ok(());
        }
    }

    fn arrow(
        &mut self,
        sent: &Advertisement,
        from: LaneId,
        to: Option<LaneId>,
        fate: Option<&Fate>,
        count: u64,
    ) -> fmt::Result {
        let Some(from_top) = self.tops.get(&from).copied() else { return Ok(()) };
        let Some((to_top, fate)) = to.and_then(|to| self.tops.get(&to).copied()).zip(fate) else {
            let x = self.x(sent.at);
            return writeln!(self.layers.arrows, "<path d=\"M{x},{}v-7\" class=\"sent\"/>", from_top + BAR);
        };
        let down = to_top > from_top;
        let (y0, y1) = if down { (from_top + BAR, to_top) } else { (from_top, to_top + BAR) };
        let sign = if down { 1 } else { -1 };
        let (x0, x1) = (self.x(sent.at).0, self.x(fate.at().unwrap_or(sent.at)).0);
        let (percent, end) = match fate {
            Fate::Lost => (62, "m-4,-4l8,8m0,-8l-8,8".into()),
            Fate::Cut => (42, "m-6,0h12".into()),
            Fate::Unheard(_) => (100, format!("m-2.5,{}a2.5,2.5 0 1 0 5,0a2.5,2.5 0 1 0 -5,0", -3 * sign)),
            Fate::Heard(_) | Fate::Rejected(..) => (100, format!("l-3.5,{}h7z", -7 * sign)),
        };
        let (x, y) = (Px(x0 + (x1 - x0) * percent / 100), Px((y0 * 100 + (y1 - y0) * percent) / 10));
        let several = if count > 1 { " several" } else { "" };
        let kind =
            if sent.kind == AdvertisementKind::Regular { String::new() } else { format!(" kind-{}", sent.kind.word()) };
        writeln!(
            self.layers.arrows,
            "<g class=\"arrow {}{kind}{several}\"><path d=\"M{},{y0}L{x},{y}\" class=\"way\"/><path d=\"M{x},{y}{end}\" \
             class=\"end\"/></g>",
            fate.word(),
            Px(x0)
        )
    }
}

/// Each virtual router, in the order of the lanes.
fn routers(timeline: &Timeline) -> Vec<&str> {
    let mut routers: Vec<&str> = Vec::new();
    for lane in &timeline.lanes {
        if !routers.contains(&lane.router.as_str()) {
            routers.push(&lane.router);
        }
    }
    routers
}

/// A step of 1, 2 or 5 times a power of ten, at least `rough`; from a minute on a whole number of minutes.
fn step(rough: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let powers = core::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    let decimal = powers.take_while(|power| *power <= SECOND).flat_map(|power| [power, 2 * power, 5 * power]);
    let seconds = [10, 15, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400].map(|seconds| seconds * SECOND);
    let known = decimal.chain(seconds).find(|step| *step >= rough);
    known.unwrap_or_else(|| (rough / (86_400 * SECOND)).saturating_add(1).saturating_mul(86_400 * SECOND))
}

/// A moment on the scale, so many nanoseconds from its zero.
fn tick(since: u64, step: u64) -> String {
    let since = u128::from(since);
    match step {
        60_000_000_000.. => fixed(since, 60_000_000_000, 0, "min"),
        1_000_000_000.. => fixed(since, 1_000_000_000, 0, "s"),
        100_000_000.. => fixed(since, 1_000_000_000, 1, "s"),
        10_000_000.. => fixed(since, 1_000_000_000, 2, "s"),
        1_000_000.. => fixed(since, 1_000_000, 0, "ms"),
        1_000.. => fixed(since, 1_000_000, 3, "ms"),
        _ => fixed(since, 1, 0, "ns"),
    }
}

/// About how wide a text is, in pixels.
fn width(text: &str) -> i64 {
    text.chars().take(1000).count() as i64 * LETTER
}

/// Cuts a text to the room that there is.
fn fit(text: &str, room: i64) -> Cow<'_, str> {
    if width(text) <= room {
        return text.into();
    }
    let letters = usize::try_from(room / LETTER - 1).unwrap_or_default();
    let mut short: String = text.chars().take(letters).collect();
    short.push('…');
    short.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::vec;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let evil = "<script>\"'&\u{0}\u{ffff}";
        let mut timeline = Timeline::new(evil);
        let lane = timeline.lane(evil, evil);
        timeline.state(at(0), lane, LaneState::Master, evil);
        timeline.holds(at(0), lane, evil, true);
        timeline.mark(at(50), None, MarkKind::Broken, evil);
        timeline.mark(at(50), Some(lane), MarkKind::Note, evil);
        timeline.outage(evil, at(0), None, 1, evil);
        timeline.shows(at(0), at(100));
        let svg = timeline.to_svg();
        assert!(svg.contains("&lt;script&gt;&quot;&#39;&amp;"));
        assert!(!svg.contains("<script"));
        assert!(!svg.contains(['\u{0}', '\u{ffff}']));
    }

    #[test]
    fn whatever_the_moments_there_is_a_picture() {
        let moments =
            [0, 1, 999, 1_000_000_000, 86_400_000_000_000 * 400, u64::MAX - 1, u64::MAX].map(Instant::from_nanos);
        let mut other = Timeline::new("other");
        for host in 0..3 {
            other.lane(&format!("{host}"), "");
        }
        let stranger = other.lane("3", "");
        for from in moments {
            for until in moments {
                let mut timeline = Timeline::new("moments");
                let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
                for lane in [a, b, stranger] {
                    timeline.state(until, lane, LaneState::Master, "");
                    timeline.state(from, lane, LaneState::Fault, "");
                    timeline.holds(until, lane, "x", true);
                    timeline.cut(from, a, lane, true);
                    timeline.mark(until, Some(lane), MarkKind::Failure, "");
                    timeline
                        .advertisement(Advertisement::new(from, lane, 1).to(a, Fate::Heard(until)).to(lane, Fate::Cut));
                }
                timeline.outage("c", from, Some(until), u64::MAX, "");
                timeline.wall_clock(until, u64::MAX);
                assert!(timeline.to_svg().ends_with("</svg>\n"));
                assert!(timeline.to_json().ends_with('}'));
                timeline.shows(until, from);
                assert!(timeline.to_svg().ends_with("</svg>\n"));
            }
        }
        assert!(Timeline::default().to_svg().ends_with("</svg>\n"));
    }

    #[test]
    fn many_advertisements_become_few_arrows_but_a_loss_is_seen() {
        let mut timeline = Timeline::new("many");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        for number in 0..100_000 {
            let fate = if number == 54_321 { Fate::Lost } else { Fate::Heard(at(number)) };
            timeline.advertisement(Advertisement::new(at(number), a, 100).to(b, fate));
        }
        let svg = timeline.to_svg();
        let arrows = svg.matches("<g class=\"arrow").count();
        assert!((100..=ARROWS + 10).contains(&arrows), "{arrows}");
        assert!(svg.contains("One arrow stands for several advertisements."));
        assert_eq!(svg.matches("<g class=\"arrow lost\"><path").count(), 1);
    }

    #[test]
    fn a_takeover_is_drawn_with_its_time() {
        let mut timeline = Timeline::new("takeover");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        timeline.state(at(0), a, LaneState::Master, "");
        timeline.state(at(0), b, LaneState::Backup, "");
        timeline.advertisement(Advertisement::new(at(1_000), a, 200).to(b, Fate::Heard(at(1_000))));
        timeline.state(at(1_500), a, LaneState::Down, "");
        timeline.state(at(4_609), b, LaneState::Master, "");
        timeline.shows(at(0), at(8_000));
        let svg = timeline.to_svg();
        assert!(svg.contains(">takeover 3.609 s</text>"));
        assert!(svg.contains("<desc id=\"d\">b took over from a in 3.609 s.</desc>"));
    }

    #[test]
    fn the_scale_has_round_steps() {
        let ticks = |step_of: u64, since: u64| tick(since, step(step_of));
        assert_eq!(ticks(900_000_000, 3_000_000_000), "3 s");
        assert_eq!(ticks(300_000_000, 1_500_000_000), "1.5 s");
        assert_eq!(ticks(40_000_000_000, 120_000_000_000), "2 min");
        assert_eq!(ticks(3_000, 15_000), "0.015 ms");
        assert_eq!(vec![step(0), step(1), step(3), step(6)], [1, 1, 5, 10]);
    }
}
