//! The visible state. News and keys change it.

use std::time::{Duration, Instant};

use ratatui::widgets::TableState;

use super::feed::{News, Seen};
use super::table::{self, Order, Row};
use crate::vrrpd::control::stats::Rates;

/// The visible state.
#[derive(Debug)]
pub(super) struct View {
    pub(super) every: Duration,
    seen: Option<Seen>,
    pub(super) rates: Option<Rates>,
    /// All routers, as configured.
    all: Vec<Row>,
    /// The rows to show, in order.
    pub(super) rows: Vec<Row>,
    /// The reason why nobody answers now.
    pub(super) gone: Option<String>,
    pub(super) order: Order,
    pub(super) reversed: bool,
    pub(super) filter: String,
    /// Keys go into the filter.
    pub(super) is_typing: bool,
    pub(super) detail: bool,
    pub(super) help: bool,
    /// The number of lines by which the detail is scrolled.
    pub(super) scrolled: u16,
    /// The router that is chosen, by name: rows move.
    chosen: Option<String>,
    /// The row of that router, and how far the table is scrolled.
    pub(super) table: TableState,
}

impl View {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            seen: None,
            rates: None,
            all: Vec::new(),
            rows: Vec::new(),
            gone: None,
            order: Order::default(),
            reversed: false,
            filter: String::new(),
            is_typing: false,
            detail: false,
            help: false,
            scrolled: 0,
            chosen: None,
            table: TableState::default(),
        }
    }

    /// Takes in what is new.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Seen(seen) => {
                let before = self.seen.as_ref();
                self.rates = before.map(|before| {
                    let apart = seen.at.saturating_duration_since(before.at);
                    Rates::new(&before.statistics, &seen.statistics, apart)
                });
                let routers = seen.status.routers.clone();
                self.all = table::rows(routers, &seen.statistics.routers, self.rates.as_ref());
                (self.seen, self.gone) = (Some(*seen), None);
            }
            News::Gone(why) => self.gone = Some(why),
            News::Signal(_) => {}
        }
        self.arrange();
    }

    /// Brings the rows into their order, and finds the chosen one again.
    pub(super) fn arrange(&mut self) {
        let filter = self.filter.to_lowercase();
        self.rows = self.all.iter().filter(|row| row.has(&filter)).cloned().collect();
        self.order.sort(&mut self.rows);
        if self.reversed {
            self.rows.reverse();
        }
        let place = |name: &String| self.rows.iter().position(|row| row.router.name == *name);
        // A chosen row that is hidden now gives way to the row in its place.
        let there = self.chosen.as_ref().and_then(place).or(self.table.selected());
        self.choose(there.unwrap_or_default());
    }

    /// Moves the choice by so many rows.
    pub(super) fn step(&mut self, by: isize) {
        let at = self.table.selected().unwrap_or_default().saturating_add_signed(by);
        self.choose(at);
    }

    /// Chooses a row, the last one where there are not as many.
    pub(super) fn choose(&mut self, at: usize) {
        let at = at.min(self.rows.len().saturating_sub(1));
        let name = self.rows.get(at).map(|row| row.router.name.clone());
        if name.is_some() && self.chosen != name {
            self.scrolled = 0;
        }
        self.table.select(name.as_ref().map(|_| at));
        self.chosen = name.or(self.chosen.take());
    }

    pub(super) fn row(&self) -> Option<&Row> {
        self.rows.get(self.table.selected()?)
    }

    pub(super) fn version(&self) -> &str {
        self.seen.as_ref().map_or("?", |seen| &seen.status.version)
    }

    /// Returns how many routers there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns how many are in this state.
    pub(super) fn count_in(&self, state: &str) -> usize {
        self.all.iter().filter(|row| row.router.state == state).count()
    }

    /// Returns how old the shown data is.
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.seen.as_ref().map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen.at))
    }
}
