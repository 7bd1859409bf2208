//! A finding as people read it: `FILE:LINE:COLUMN: severity: message`, which editors follow, and the line below it.

use std::fmt;
use std::io::{self, IsTerminal};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Excerpt, Severity};

/// Whether what is shown has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// A terminal shows it.
    Terminal,
    /// It goes into a file, a pipe or a journal.
    None,
}

impl Colours {
    /// What suits the standard error of this process, and whoever set `NO_COLOR`.
    #[must_use]
    pub fn of_stderr() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && io::stderr().is_terminal() { Self::Terminal } else { Self::None }
    }
}

/// Columns of a line that are shown; of a longer one it is what is around the mark.
const WIDTH: usize = 160;

impl Diagnostic {
    /// What a terminal or a log shows of it, without the end of the last line.
    #[must_use]
    pub fn shown(&self, colours: Colours) -> String {
        let renderer = match colours {
            Colours::Terminal => Renderer::styled(),
            Colours::None => Renderer::plain(),
        };
        let level = match self.severity {
            Severity::Notice => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let place = if self.line > 0 { format!(":{}:{}", self.line, self.column) } else { String::new() };
        let title = level.with_name(format!("{}{place}: {}", self.file, self.severity.name()));
        let mut group = Group::with_title(title.primary_title(self.message.as_str()));
        if let Some(Excerpt { line, width }) = &self.excerpt {
            let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            let start = self.column.saturating_sub(1);
            let marked = AnnotationKind::Primary.span(at(start)..at(start + width));
            group = group.element(Snippet::source(line.as_str()).line_start(self.line).annotation(marked));
        }
        for (what, level, text) in [("expected", Level::NOTE, &self.expected), ("help", Level::HELP, &self.help)] {
            if let Some(text) = text {
                group = group.element(level.with_name(what).message(text.as_str()));
            }
        }
        renderer.term_width(WIDTH).render(&[group])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            write!(f, "{}{diagnostic}", if index == 0 { "" } else { "\n\n" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(Colours::None))
    }
}
