//! The table of `docs/metrics.md`.

use super::families::{FAMILIES, Kind};
use super::router::REASONS;

/// Returns the tables of `docs/metrics.md`: every metric, and every reason of `vrrp_advertisement_errors_total`.
#[must_use]
pub fn table() -> String {
    let row = |family: &super::families::Family| {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", family.full_name(), family.kind.word(), labels.join(" "), family.help)
    };
    let rows: String = FAMILIES.iter().map(row).collect();
    let reasons: Vec<String> = REASONS.iter().map(|(reason, _)| format!("`{reason}`")).collect();
    format!(
        "| name | kind | labels | meaning |\n|---|---|---|---|\n{rows}\nReasons of `vrrp_advertisement_errors_total`: {}.\n",
        reasons.join(", ")
    )
}

/// Returns the names of all series, as queries name them.
#[must_use]
pub fn names() -> Vec<String> {
    let of = |family: &super::families::Family| {
        let name = family.full_name();
        match family.kind {
            Kind::Histogram => ["bucket", "count", "sum"].map(|part| format!("{name}_{part}")).to_vec(),
            Kind::Counter | Kind::Gauge | Kind::Info => vec![name],
        }
    };
    FAMILIES.iter().flat_map(of).collect()
}
