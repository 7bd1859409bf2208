//! The look of the screen. Everything fits into 80 columns and 24 lines.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Row as Cells, Table};

use super::keys::HELP;
use super::table::Row;
use super::view::View;
use crate::story::clean;
use crate::vrrpd::control::stats::{Peer, RouterStatistics};
use crate::vrrpd::control::status::{AddressView, DrainView, Place, RouterView};

/// From this height on the detail leaves the table its place.
const HIGH: u16 = 20;

const COLUMNS: [(&str, Constraint); 10] = [
    (" ", Constraint::Length(1)),
    ("ROUTER", Constraint::Min(14)),
    ("STATE", Constraint::Length(10)),
    ("INTERFACE", Constraint::Length(9)),
    ("VRID", Constraint::Length(4)),
    ("PRIO", Constraint::Length(4)),
    ("MASTER", Constraint::Length(15)),
    ("FOR", Constraint::Length(4)),
    ("RX/s", Constraint::Length(5)),
    ("TX/s", Constraint::Length(5)),
];

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View) {
    draw_at(frame, view, Instant::now());
}

pub(super) fn draw_at(frame: &mut Frame<'_>, view: &mut View, now: Instant) {
    let [head, state, middle, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(self::head(view).bold(), head);
    frame.render_widget(self::state(view, now), state);
    match (view.detail, middle.height) {
        (false, _) => table(frame, view, middle, now),
        (true, height) if height < HIGH / 2 => detail(frame, view, middle),
        (true, height) => {
            let [above, below] = Layout::vertical([Constraint::Length(height / 2), Constraint::Min(0)]).areas(middle);
            table(frame, view, above, now);
            detail(frame, view, below);
        }
    }
    frame.render_widget(self::foot(view).dim(), foot);
    if view.help {
        help(frame, middle);
    }
}

fn head(view: &View) -> Line<'static> {
    let states = ["Master", "Backup", "Fault", "Initialize"].map(|state| (view.count_in(state), state));
    let states = states.into_iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    let states = states.collect::<Vec<_>>().join(", ");
    let all = match view.count() {
        1 => "1 router".to_owned(),
        n => format!("{n} routers"),
    };
    let sum = |counter: &str| {
        let routers = view.rates.as_ref().map(|rates| &rates.routers);
        let rates = routers.into_iter().flatten().filter_map(|router| router.rates.get(counter));
        // The sum of nothing is -0.
        number(rates.fold(0.0, |sum, rate| sum + rate))
    };
    let (received, sent) = (sum("advertisement-rcvd"), sum("advertisement-sent"));
    clean(format!("vrrpd {}  {all}: {states}  rx {received}/s tx {sent}/s", view.version())).into()
}

/// Returns a line about the hidden rows, and about the age of the data.
fn state(view: &View, now: Instant) -> Line<'static> {
    if let Some(why) = &view.gone {
        let ago = ago(view.age(now));
        return clean(format!("NO ANSWER, this is the state of {ago} ago: {why}")).fg(Color::Red).bold().into();
    }
    let mut text = format!("sorted by {}", view.order.name());
    if view.reversed {
        text += ", reversed";
    }
    if view.is_typing {
        text += &format!("  /{}_", view.filter);
    } else if !view.filter.is_empty() {
        text += &format!("  only with \"{}\": {} of {}", view.filter, view.rows.len(), view.count());
    }
    clean(text + &format!("  every {} s", view.every.as_secs_f64())).into()
}

fn foot(view: &View) -> Line<'static> {
    let text = match view.is_typing {
        true => "type a text to filter by   Enter keep   Esc show all",
        false => "q end   Up/Down choose   Enter detail   s sort   r reverse   / filter   ? help",
    };
    text.into()
}

fn table(frame: &mut Frame<'_>, view: &mut View, area: Rect, now: Instant) {
    let age = view.age(now);
    let gone = view.gone.is_some();
    let rows = view.rows.iter().map(|row| {
        let cells = Cells::new(cells(row, age));
        if gone { cells.dim() } else { cells }
    });
    let head = Cells::new(COLUMNS.map(|(name, _)| name)).style(Style::new().add_modifier(Modifier::UNDERLINED));
    let table = Table::new(rows, COLUMNS.map(|(_, width)| width))
        .header(head)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut view.table);
}

fn cells(row: &Row, age: Duration) -> [Span<'static>; 10] {
    let RouterView { name, state, interface, vrid, priority, master, since, .. } = &row.router;
    let (mark, colour) = match (row.is_wrong(), state.as_str()) {
        (true, _) => ("!", Color::Red),
        (false, _) if !row.router.by_hand.is_empty() || row.router.drain.is_some() => ("h", Color::Yellow),
        (false, "Master") => (" ", Color::Green),
        (false, "Initialize") => (" ", Color::Yellow),
        (false, _) => (" ", Color::Reset),
    };
    let master = match master {
        Some(master) if master.us => "this router".to_owned(),
        Some(master) => master.address.clone(),
        None => "-".to_owned(),
    };
    let since = since.as_ref().and_then(|since| Duration::try_from_secs_f64(since.seconds).ok());
    let since = since.map_or("-".to_owned(), |since| ago(since.saturating_add(age)));
    let rate = |counter| row.rate(counter).map_or("-".to_owned(), number);
    [
        mark.fg(Color::Red).bold(),
        clean(name.clone()).into(),
        clean(state.clone()).fg(colour),
        clean(interface.clone()).into(),
        format!("{vrid:>4}").into(),
        format!("{priority:>4}").into(),
        clean(master).into(),
        format!("{since:>4}").into(),
        format!("{:>5}", rate("advertisement-rcvd")).into(),
        format!("{:>5}", rate("advertisement-sent")).into(),
    ]
}

fn detail(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    let Some(row) = view.row() else { return };
    let title = format!(" {} ", clean(row.router.name.clone()));
    let lines = lines(row);
    let room = area.height.saturating_sub(1);
    let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(room);
    let scrolled = view.scrolled.min(most);
    let more = if most > scrolled { " ] for more " } else { "" };
    let block = Block::new().borders(Borders::TOP).title(title.bold()).title(Line::from(more).right_aligned());
    frame.render_widget(Paragraph::new(lines).scroll((scrolled, 0)).block(block), area);
    // After scrolling beyond the end, the first key back has its effect at once.
    view.scrolled = scrolled;
}

/// Everything about one router, each with its name in front.
fn lines(row: &Row) -> Vec<Line<'static>> {
    let RouterView { cause, faults, trackers, addresses, other_master, by_hand, drain, state, .. } = &row.router;
    let mut lines = Vec::new();
    let mut field = |name: &'static str, texts: Vec<String>| {
        for (at, text) in texts.into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![format!("{name:<10}").bold(), clean(text).into()]));
        }
    };
    field("because", vec![cause.clone()]);
    field("faults", faults.clone());
    let others = other_master.iter().map(|other| {
        let why = other.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} is Master too{why}", other.address)
    });
    field("conflict", others.collect());
    let drain = drain.map(|drain| match drain {
        DrainView::HandingOver => "drained: Master until another one is heard".to_owned(),
        DrainView::LastResort => "drained, but nobody took over".to_owned(),
        DrainView::Reserve => "drained: in reserve".to_owned(),
    });
    field("by hand", by_hand.iter().map(ToString::to_string).chain(drain).collect());
    if let Some(statistics) = &row.statistics {
        let RouterStatistics { master_down_interval, skew_time, last_event, new_master_reason, peers, .. } = statistics;
        let timers = format!("a Master is silent for {master_down_interval:.3} s at most; skew time {skew_time:.3} s");
        field("timers", vec![timers]);
        field("peers", peers.iter().map(Peer::to_string).collect());
        field("last", vec![format!("event {last_event}; became Master because: {new_master_reason}")]);
    }
    field("addresses", addresses.iter().map(|it| address(it, state)).collect());
    field("checks", trackers.iter().map(|tracker| tracker.says.clone()).collect());
    if let Some(statistics) = &row.statistics {
        let counted = statistics.counters.iter().filter(|(_, count)| **count > 0);
        let counted = counted.map(|(name, count)| match row.rate(name).filter(|rate| *rate > 0.0) {
            Some(rate) => format!("{count} {name}, {}/s", number(rate)),
            None => format!("{count} {name}"),
        });
        field("counters", counted.collect());
    }
    lines
}

fn address(AddressView { address, host, obstacle, .. }: &AddressView, state: &str) -> String {
    let place = match host {
        Place::Absent if state == "Master" => "NOT here",
        Place::Absent => "not here",
        Place::Tentative => "here, not in use yet",
        Place::Duplicate => "DUPLICATE",
        Place::Ours | Place::Foreign => "here",
    };
    let obstacle = obstacle.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{address} {place}{obstacle}")
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<Line<'_>> =
        HELP.iter().map(|(keys, what)| Line::from(vec![format!(" {keys:<18}").bold(), (*what).into()])).collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
    let area = Rect { height, ..area };
    frame.render_widget(Clear, area);
    let marks = " ! needs attention   h changed by hand ";
    let block = Block::new().borders(Borders::TOP | Borders::BOTTOM).title(" keys ".bold()).title_bottom(marks);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Returns a span in four characters.
fn ago(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds if seconds / 86_400 < 1000 => format!("{}d", seconds / 86_400),
        _ => "old".to_owned(),
    }
}

/// Returns a rate in five characters.
fn number(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
