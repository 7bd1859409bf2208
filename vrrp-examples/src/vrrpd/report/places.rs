//! The places in a configuration of what is found wrong only after it was read.

use std::net::IpAddr;

use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::{Report, Span};

/// A setting of an instance that something can be wrong with on one host and not on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The interface that it runs on.
    Interface,
    /// Its virtual MAC address.
    VirtualMac,
}

/// The places of these settings of one instance.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spans {
    pub(crate) interface: Span,
    pub(crate) virtual_mac: Option<Span>,
}

/// The places of the instances in the files of a configuration, for findings made only after reading.
pub struct Places {
    report: Report,
    /// One for each instance.
    instances: Vec<Spans>,
}

impl Places {
    pub(crate) fn new(report: Report, instances: Vec<Spans>) -> Self {
        Self { report, instances }
    }

    /// Points at a setting of the instance at this position in the configuration. Without such an instance it points at the
    /// first word.
    #[must_use]
    pub fn finding(
        &self,
        severity: Severity,
        (instance, setting): (usize, Setting),
        message: String,
        expected: Option<String>,
    ) -> Diagnostic {
        let spans = self.instances.get(instance).copied().unwrap_or_default();
        let span = match setting {
            Setting::Interface => spans.interface,
            Setting::VirtualMac => spans.virtual_mac.unwrap_or(spans.interface),
        };
        Diagnostic { expected, ..self.report.diagnostic(severity, span, message) }
    }

    /// Points at the first place that has this address; at the interface of the instance where that is not known.
    #[must_use]
    pub fn address(
        &self,
        severity: Severity,
        (instance, address): (usize, IpAddr),
        message: String,
        help: String,
    ) -> Diagnostic {
        let interface = || self.instances.get(instance).map(|spans| spans.interface).unwrap_or_default();
        let span = self.report.address(address).unwrap_or_else(interface);
        Diagnostic { help: Some(help), ..self.report.diagnostic(severity, span, message) }
    }

    /// Points at the first line that has this command, with its arguments.
    #[must_use]
    pub fn command(&self, severity: Severity, words: &[String], message: String, help: String) -> Diagnostic {
        let span = self.report.command(words).unwrap_or_default();
        Diagnostic { help: Some(help), ..self.report.diagnostic(severity, span, message) }
    }
}
