//! The lines of `interface_up_down_delays`.

use std::time::Duration;

use crate::vrrpd::config::InterfaceDelay;
use crate::vrrpd::keepalived::blocks::values::{At, interface, seconds};
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;

const SYNTAX: &str = "INTERFACE DOWN [UP], seconds each, one on a line";

/// Longest delay, in microseconds.
const MAX: u64 = 255_000_000;

/// Reads the lines of a block.
pub(crate) fn read(statement: &Statement, report: &mut Report) -> Vec<At<InterfaceDelay>> {
    statement.entries(report).iter().filter_map(|entry| line(entry, report)).collect()
}

/// Without a delay of its own the way up takes as long as the way down.
fn line(entry: &Statement, report: &mut Report) -> Option<At<InterfaceDelay>> {
    let name = &entry.keyword;
    let (down, up) = match entry.values.as_slice() {
        [down] => (down, down),
        [down, up] => (down, up),
        _ => {
            report.error(name.span, format!("`{}` takes one or two delays", name.text)).with_expected(SYNTAX);
            return None;
        }
    };
    let interface = interface(name, report)?;
    let down: Duration = seconds(down, 0..=MAX, report)?.value;
    let up: Duration = seconds(up, 0..=MAX, report)?.value;
    Some(At { value: InterfaceDelay { interface, up, down }, span: name.span })
}
