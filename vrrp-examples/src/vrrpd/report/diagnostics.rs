//! The findings about a file: where, what is wrong, what was expected.

use strsim::osa_distance;

/// The weight of a [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file loads; something in it has no effect or another one than it seems.
    Notice,
    /// The file loads; something on this host is not as the file has it.
    Warning,
    /// The file does not load.
    Error,
}

impl Severity {
    /// Returns its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The kind of a finding, for programs. It stays the same when the words change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// Braces, quotes and characters: what follows may be read in another way than it was meant.
    Syntax,
    /// A file that cannot be read, or an `include` that cannot be followed.
    File,
    /// A word that is not a keyword here.
    UnknownKeyword,
    /// Known, and not supported.
    Unsupported,
    /// A value that is wrong.
    Value,
    /// Something that has to be there is not.
    Missing,
    /// A line or a name that is there already.
    Repeated,
    /// A name that nothing has.
    Undefined,
    /// Two things that exclude each other.
    Conflict,
    /// A line without effect, and nothing is lost by that.
    Ignored,
    /// A section that other programs serve, and nobody here.
    Skipped,
    /// It means something else than it seems to.
    Meaning,
    /// Something on this host is not as the file has it.
    Host,
}

impl Code {
    /// Returns its name, as `vrrpd --check --json` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::File => "file",
            Self::UnknownKeyword => "unknown-keyword",
            Self::Unsupported => "unsupported",
            Self::Value => "value",
            Self::Missing => "missing",
            Self::Repeated => "repeated",
            Self::Undefined => "undefined",
            Self::Conflict => "conflict",
            Self::Ignored => "ignored",
            Self::Skipped => "skipped",
            Self::Meaning => "meaning",
            Self::Host => "host",
        }
    }

    /// Returns the code of a finding of this severity that has no other code.
    const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Notice => Self::Meaning,
            Severity::Warning => Self::Host,
            Severity::Error => Self::Value,
        }
    }
}

/// One finding, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or notice.
    pub severity: Severity,
    /// The kind of the finding.
    pub code: Code,
    /// The keyword that is not acted upon, if it is about one.
    pub keyword: Option<String>,
    /// File it was found in.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// The sentence that says what is wrong.
    pub message: String,
    /// The value that was expected instead.
    pub expected: Option<String>,
    /// Advice how to correct it.
    pub help: Option<String>,
    pub(crate) excerpt: Option<Excerpt>,
    /// Source and offset.
    pub(crate) order: (usize, usize),
}

/// The line a finding points into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) line: String,
    /// Characters to mark from the column on.
    pub(crate) width: usize,
}

/// Every finding of a file that does not load, the cause first. At least one is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl std::error::Error for Diagnostics {}

impl Diagnostic {
    /// Says something about a file as a whole.
    pub(crate) fn of_file(severity: Severity, file: String, message: String) -> Self {
        let (expected, help, excerpt) = (None, None, None);
        let (code, keyword) = (Code::File, None);
        Self { severity, code, keyword, file, line: 0, column: 0, message, expected, help, excerpt, order: (0, 0) }
    }

    /// Says something about a stretch of a line.
    pub(crate) fn of_line(
        severity: Severity,
        (file, line, column): (String, usize, usize),
        message: String,
        excerpt: Option<Excerpt>,
        order: (usize, usize),
    ) -> Self {
        let (code, keyword, expected, help) = (Code::of(severity), None, None, None);
        Self { severity, code, keyword, file, line, column, message, expected, help, excerpt, order }
    }

    pub(crate) fn with_code(&mut self, code: Code) -> &mut Self {
        self.code = code;
        self
    }

    pub(crate) fn with_keyword(&mut self, keyword: &str) -> &mut Self {
        self.keyword = Some(keyword.to_owned());
        self
    }

    pub(crate) fn with_expected(&mut self, expected: impl Into<String>) -> &mut Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn with_help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Offers the candidate that `word` was probably meant to be, if there is one.
    pub(crate) fn with_nearest<'a>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> &mut Self {
        if let Some(nearest) = nearest(word, candidates) {
            self.help = Some(format!("did you mean `{nearest}`?"));
        }
        self
    }
}

/// Returns the candidate closest to `word`, if it is close enough to have been meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let len = word.chars().count();
    let limit = (len / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| may_be(&word, candidate))
        // A word without end is compared with nothing.
        .filter(|candidate| candidate.chars().count().abs_diff(len) <= limit)
        .map(|candidate| (osa_distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns true unless both words have numbers and these differ: nobody writes 4 and means 6.
fn may_be(word: &str, candidate: &str) -> bool {
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    let (written, meant) = (digits(word), digits(candidate));
    written.is_empty() || meant.is_empty() || written == meant
}

/// Returns the candidates, those closest to `word` first; equally close ones in their order.
pub(crate) fn nearest_first<'a>(word: &str, candidates: &[&'a str]) -> Vec<&'a str> {
    // A word without end is compared by its beginning.
    let word: String = word.chars().take(64).collect::<String>().to_ascii_lowercase();
    let mut candidates = candidates.to_vec();
    candidates.sort_by_cached_key(|candidate| osa_distance(&word, &candidate.to_ascii_lowercase()));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_offered() {
        assert_eq!(nearest("raise", ["fall", "rise"]), Some("rise"));
        assert_eq!(nearest("lable", ["label"]), Some("label"), "a swap of two letters is one slip");
        assert_eq!(nearest("Priority", ["priority"]), Some("priority"));
        assert_eq!(nearest("cheese", ["fall", "rise"]), None);
        assert_eq!((nearest("native_ipv4", ["native_ipv6"]), nearest("group", ["group4"])), (None, Some("group4")));
        assert_eq!(nearest(&"x".repeat(100_000_000), ["fall", "rise"]), None);
        assert_eq!(nearest_first("Raise", &["fall", "weight", "rise"]), ["rise", "fall", "weight"]);
        assert_eq!(nearest_first(&"x".repeat(100_000_000), &["fall", "rise"]), ["fall", "rise"]);
    }
}
