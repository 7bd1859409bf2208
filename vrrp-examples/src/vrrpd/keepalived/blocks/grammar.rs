//! The keywords of a block, and the messages about all others.

use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::{Code, nearest};

/// More keywords than this help nobody in a message.
const MANY: usize = 12;

/// The keywords of one kind of block that is read into a `T`.
pub(crate) struct Grammar<T: 'static> {
    /// The block, as messages name it.
    pub(crate) block: &'static str,
    /// A word in it may be a password.
    pub(crate) secret: bool,
    /// Keywords with an effect.
    pub(crate) understood: &'static [Keyword<T>],
    /// Keywords without effect. Nothing is lost by that, so each is named once.
    pub(crate) ignored: &'static [Kind],
    /// Keywords without effect, because what they ask for is always on. Each is named once.
    pub(crate) granted: &'static [&'static str],
    /// Sections for other programs: skipped whole, with a notice each.
    pub(crate) skipped: &'static [&'static str],
    /// Keywords without effect that would be missed: an error.
    pub(crate) unsupported: &'static [Kind],
    /// Every keyword of the language with its block. One that is wrong here may belong elsewhere.
    pub(crate) all: fn() -> Vec<(&'static str, &'static str)>,
}

/// Keywords with the same reason.
pub(crate) struct Kind {
    pub(crate) words: &'static [&'static str],
    /// The reason why they have no effect, as a sentence without its end.
    pub(crate) why: &'static str,
}

/// A keyword that is acted upon.
pub(crate) struct Keyword<T> {
    name: &'static str,
    repeats: Repeats,
    read: fn(&mut T, &Statement, &mut Report),
}

/// The meaning of a keyword that is in its block once more.
#[derive(Clone, Copy)]
enum Repeats {
    /// Either line may have been meant. The same line twice does no harm.
    Contradicts,
    /// keepalived drops it.
    IsDropped,
    /// It adds to the first.
    Adds,
}

/// Makes a keyword that may be in its block once.
pub(crate) const fn once<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: Repeats::Contradicts, read }
}

/// Makes a keyword that counts only the first time in its block.
pub(crate) const fn first<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: Repeats::IsDropped, read }
}

/// Makes a keyword that may be in its block any number of times.
pub(crate) const fn many<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: Repeats::Adds, read }
}

impl<T> Grammar<T> {
    /// Reads a block, statement by statement.
    pub(crate) fn read(&self, body: Option<&[Statement]>, into: &mut T, report: &mut Report) {
        let mut seen: Vec<&Statement> = Vec::new();
        for statement in body.unwrap_or_default() {
            let word = statement.keyword.text.as_str();
            let Some(keyword) = self.understood.iter().find(|keyword| keyword.name == word) else {
                self.not_understood(statement, report);
                continue;
            };
            match (keyword.repeats, seen.iter().find(|earlier| earlier.keyword.text == word)) {
                (Repeats::Adds, _) => (keyword.read)(into, statement, report),
                (_, None) => {
                    (keyword.read)(into, statement, report);
                    seen.push(statement);
                }
                (repeats, Some(earlier)) => {
                    let read = |report: &mut Report| (keyword.read)(into, statement, report);
                    self.again(repeats, statement, earlier, read, report);
                }
            }
        }
    }

    /// Reports a keyword that is in the block a second time and is not a list.
    fn again(
        &self,
        repeats: Repeats,
        statement: &Statement,
        earlier: &Statement,
        read: impl FnOnce(&mut Report),
        report: &mut Report,
    ) {
        let Word { text, span } = &statement.keyword;
        let place = report.place(earlier.keyword.span, *span);
        let twice = format!("`{text}` appears twice in {}, first on {place}", self.block);
        match repeats {
            Repeats::IsDropped => {
                report.notice(*span, format!("{twice}: that script is run, as in keepalived, and this one is not"));
            }
            _ if statement.is_same(earlier) => {
                report.notice(*span, format!("{twice}; once is enough"));
            }
            _ => {
                read(report);
                report.error(*span, twice).with_code(Code::Repeated).with_expected("one of the two");
            }
        }
    }

    fn not_understood(&self, statement: &Statement, report: &mut Report) {
        let (word, span) = (statement.keyword.text.as_str(), statement.keyword.span);
        if let Some(why) = why(self.ignored, word) {
            report.ignored_once(word, span, format!("`{word}` is ignored: {why}"));
        } else if self.granted.contains(&word) {
            report.ignored_once(word, span, format!("`{word}` has no effect: this is always on"));
        } else if self.skipped.contains(&word) {
            let message = format!("`{word}` is not part of VRRP; the whole block is skipped");
            report.notice(span, message).with_code(Code::Skipped).with_keyword(word);
        } else if let Some(why) = why(self.unsupported, word) {
            report
                .error(span, format!("`{word}` is known to keepalived but not supported here"))
                .with_code(Code::Unsupported)
                .with_keyword(word)
                .with_expected("a configuration without it")
                .with_help(why);
            report.doubt(statement.values.iter().map(|word| word.text.as_str()));
        } else {
            self.unknown(&statement.keyword, report);
            report.doubt(statement.values.iter().map(|word| word.text.as_str()));
        }
    }

    /// Reports a keyword that keepalived does not know here. A possible password is not repeated.
    fn unknown(&self, keyword: &Word, report: &mut Report) {
        let word = keyword.text.as_str();
        if let Some((name, sign)) = word.find(['=', ':']).and_then(|end| word.split_at_checked(end)) {
            let sign = sign.get(..1).unwrap_or_default();
            report
                .error(keyword.span, format!("`{name}{sign}` is not a keyword of {}", self.block))
                .with_code(Code::UnknownKeyword)
                .with_expected("a space between a keyword and its value");
            return;
        }
        let help = match (report.hides(keyword.span), self.secret) {
            (true, _) => None,
            (false, true) => self.near(word),
            (false, false) => {
                let here = || self.elsewhere(word).or_else(|| self.near(word));
                self.called_here(word).or_else(here).or_else(|| self.near_elsewhere(word))
            }
        };
        let hidden = self.secret || report.hides(keyword.span);
        let shown = if hidden && help.is_none() { "this word".to_owned() } else { format!("`{word}`") };
        let error = report.error(keyword.span, format!("{shown} is not a keyword of {}", self.block));
        error.with_code(Code::UnknownKeyword);
        match help {
            Some(help) => error.with_expected(format!("a keyword of {}", self.block)).with_help(help),
            None if self.understood.len() > MANY => error
                .with_expected(format!("a keyword of {}", self.block))
                .with_help("keepalived.conf(5) lists them all"),
            None => {
                let names: Vec<&str> = self.understood.iter().map(|keyword| keyword.name).collect();
                error.with_expected(format!("one of {}", names.join(", ")))
            }
        };
    }

    /// Returns the name that a keyword has in this block: many of an instance begin with `vrrp_` where they are for all.
    fn called_here(&self, word: &str) -> Option<String> {
        let is_here = |(name, _): &(&'static str, _)| {
            name.strip_prefix("vrrp_") == Some(word) || word.strip_prefix("vrrp_") == Some(*name)
        };
        let (name, _) = self.words().find(is_here)?;
        Some(match why(self.unsupported, name) {
            Some(why) => format!("here it is called `{name}`, which is not supported: {why}"),
            None => format!("here it is called `{name}`"),
        })
    }

    /// Returns the place where a keyword is right that is wrong here.
    fn elsewhere(&self, word: &str) -> Option<String> {
        let (_, block) = (self.all)().into_iter().find(|(name, _)| *name == word)?;
        Some(format!("`{word}` belongs in {block}"))
    }

    /// Returns the keyword that was probably meant.
    fn near(&self, word: &str) -> Option<String> {
        let near = nearest(word, self.words().map(|(name, _)| name))?;
        Some(match why(self.unsupported, near) {
            Some(why) => format!("did you mean `{near}`? That is not supported here: {why}"),
            None => format!("did you mean `{near}`?"),
        })
    }

    /// Returns the keyword of any block that was probably meant.
    fn near_elsewhere(&self, word: &str) -> Option<String> {
        let all = (self.all)();
        let near = nearest(word, all.iter().map(|(name, _)| *name))?;
        let (_, block) = all.iter().find(|(name, _)| *name == near)?;
        Some(format!("did you mean `{near}`? That belongs in {block}"))
    }

    /// Returns true if a word is a keyword of this block, or was probably meant to be one.
    pub(crate) fn knows(&self, word: &str) -> bool {
        self.words().any(|(name, _)| name == word) || self.near(word).is_some()
    }

    /// Returns true if a keyword is among those written, correctly spelt, or misspelt so that an error has reported it.
    pub(crate) fn has<'a>(&self, keyword: &str, mut written: impl Iterator<Item = &'a str>) -> bool {
        let is_known = |word: &str| self.words().any(|(name, _)| name == word);
        written.any(|word| word == keyword || (!is_known(word) && nearest(word, [keyword]).is_some()))
    }

    /// Every keyword that keepalived knows here, and the block.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<T> {
        let (block, lists) = (self.block, [self.granted, self.skipped]);
        let kinds = self.ignored.iter().chain(self.unsupported).flat_map(|kind| kind.words);
        let understood = self.understood.iter().map(|keyword| keyword.name);
        understood.chain(kinds.copied()).chain(lists.into_iter().flatten().copied()).map(move |name| (name, block))
    }
}

fn why(kinds: &[Kind], word: &str) -> Option<&'static str> {
    kinds.iter().find(|kind| kind.words.contains(&word)).map(|kind| kind.why)
}
