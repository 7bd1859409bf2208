//! A finding as people read it: `FILE:LINE:COLUMN: severity: message`, which editors follow, and the line below it.

use std::fmt;
use std::io::{self, IsTerminal};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Excerpt, Severity};

/// Tells if the output has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// A terminal shows it.
    Terminal,
    /// It goes into a file, a pipe or a journal.
    None,
}

impl Colours {
    /// Returns the colours for the standard error of this process. `NO_COLOR` switches them off.
    #[must_use]
    pub fn of_stderr() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && io::stderr().is_terminal() { Self::Terminal } else { Self::None }
    }
}

/// Columns of a line that are shown; of a longer one it is what is around the mark.
const WIDTH: usize = 160;

impl Diagnostic {
    /// Returns the text for a terminal or a log, without the end of the last line.
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
            let start = self.column.saturating_sub(1);
            // A mark has something visible above it. The renderer drops indentation, and expects no mark in it.
            let shown = |(column, c): (usize, char)| if column == start && c.is_whitespace() { '·' } else { c };
            let line: String = line.chars().enumerate().map(shown).collect();
            let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            let marked = AnnotationKind::Primary.span(at(start)..at(start + width));
            group = group.element(Snippet::source(line).line_start(self.line).annotation(marked));
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
