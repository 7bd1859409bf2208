//! `/metrics`: what Prometheus reads. `docs/metrics.md` has a table of it.

mod families;
mod format;
mod process;
mod router;
mod table;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::vrrpd::control::snapshot::Snapshot;
use families::FAMILIES;

pub(super) use format::Format;
pub use table::{names, table};

/// Returns the metrics of a moment.
pub(super) fn render(snapshot: &Arc<Snapshot>, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(Arc::clone(snapshot))));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = text::encode(&mut text, &registry);
    format.written(text)
}

#[derive(Debug)]
struct Figures(Arc<Snapshot>);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in FAMILIES {
            let metric = encoder.encode_descriptor(
                family.name,
                family.help,
                family.unit.prometheus(),
                family.kind.prometheus(),
            )?;
            (family.series)(&self.0, metric)?;
        }
        Ok(())
    }
}
