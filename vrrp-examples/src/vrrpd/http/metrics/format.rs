//! The form of the metrics: that of OpenMetrics, or the older one of Prometheus, which `curl` gets too.

use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vrrpd::http) enum Format {
    OpenMetrics,
    /// The text format 0.0.4.
    Plain,
}

impl Format {
    /// Returns the form that `Accept` prefers; that of OpenMetrics only where it is named.
    pub(in crate::vrrpd::http) fn wanted<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let weight = |kind: &str, words: &str| {
            let mut words = words.split(';').map(str::trim);
            let is_it = words.next().is_some_and(|name| name.eq_ignore_ascii_case(kind));
            let weight = words.find_map(|word| word.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            is_it.then_some(weight)
        };
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        for range in accept.flat_map(|line| line.split(',')) {
            open = open.max(weight("application/openmetrics-text", range).unwrap_or_default());
            plain = plain.max(weight("text/plain", range).unwrap_or_default());
        }
        if open > 0.0 && open >= plain { Self::OpenMetrics } else { Self::Plain }
    }

    pub(in crate::vrrpd::http) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Returns in this form what is written in that of OpenMetrics. The older one calls a family by the name of its series, and
    /// knows neither `info` nor units.
    pub(super) fn written(self, open_metrics: String) -> String {
        if self == Self::OpenMetrics {
            return open_metrics;
        }
        let mut plain = String::with_capacity(open_metrics.len());
        // The help of a family comes before its type.
        let mut help = None;
        for line in open_metrics.lines() {
            if let Some(text) = line.strip_prefix("# HELP ") {
                help = text.split_once(' ').map(|(_, text)| text);
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", kind),
                    "info" => ("_info", "gauge"),
                    _ => ("", kind),
                };
                if let Some(help) = help.take() {
                    // Writing to a String cannot fail.
                    let _ = writeln!(plain, "# HELP {name}{suffix} {help}");
                }
                let _ = writeln!(plain, "# TYPE {name}{suffix} {kind}");
            } else if !line.starts_with("# ") {
                plain.push_str(line);
                plain.push('\n');
            }
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_who_asks_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let wanted = |accept: &[&str]| Format::wanted(accept.iter().copied());
        assert_eq!(wanted(&[prometheus]), Format::OpenMetrics);
        assert_eq!(wanted(&["text/plain;q=0.5", "Application/OpenMetrics-Text; q=0.7"]), Format::OpenMetrics);
        for plain in [
            &[][..],
            &["*/*"],
            &["text/html"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=0.1, text/plain"],
        ] {
            assert_eq!(wanted(plain), Format::Plain, "{plain:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn only_who_names_it_gets_the_form_of_open_metrics(
            lines in proptest::collection::vec("[ -~]{0,40}|(application/openmetrics-text|text/plain)(; ?q=[ -~]{0,6})?", 0..4),
        ) {
            let wanted = Format::wanted(lines.iter().map(String::as_str));
            let named = lines.iter().any(|line| line.to_ascii_lowercase().contains("application/openmetrics-text"));
            proptest::prop_assert!(named || wanted == Format::Plain);
        }
    }

    #[test]
    fn the_older_form_names_families_by_their_series() {
        let open = "# HELP a Counts.\n# TYPE a counter\na_total 1\n# HELP b_seconds Time.\n# TYPE b_seconds gauge\n\
                    # UNIT b_seconds seconds\nb_seconds 1.5\n# HELP c What.\n# TYPE c info\nc_info{x=\"# y\"} 1\n# EOF\n";
        let plain = "# HELP a_total Counts.\n# TYPE a_total counter\na_total 1\n# HELP b_seconds Time.\n# TYPE b_seconds gauge\n\
                     b_seconds 1.5\n# HELP c_info What.\n# TYPE c_info gauge\nc_info{x=\"# y\"} 1\n";
        assert_eq!(Format::Plain.written(open.to_owned()), plain);
        assert_eq!(Format::OpenMetrics.written(open.to_owned()), open);
    }
}
