//! Hides the part of a source line that may be a password: the line goes to logs.

use crate::vrrpd::keepalived::text::look_alikes::{Likeness, likeness};
use crate::vrrpd::report::diagnostics::nearest;

/// Keywords before a password, and of its block.
const SECRET: [&str; 3] = ["auth_pass", "authentication", "auth_hmac"];
/// Parts of a keyword before a password, correctly spelt or not.
const HINTS: [&str; 6] = ["auth", "pass", "secret", "hmac", "psk", "pwd"];
/// Lines above that are looked at: no block with a password has more.
const LINES: usize = 64;
/// Words that are not a password where one is expected.
const OPEN: [&str; 6] = ["authentication", "auth_type", "auth_pass", "auth_hmac", "PASS", "AH"];

/// Returns `line` with every character one column wide, and without what may be a password. `before` is the text above.
pub(crate) fn printable(before: &str, line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut secrecy = if is_inside(before) { Secrecy::Block } else { Secrecy::None };
    let mut is_keyword = true;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let len = rest.find(is_separator).unwrap_or(rest.len());
        if len == 0 {
            shown.push(if is_separator(c) && !c.is_ascii_punctuation() { ' ' } else { c });
            is_keyword |= matches!(c, '{' | '}');
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(len);
        let definition = word.find('=').filter(|_| word.starts_with('$') || is_keyword);
        let definition =
            definition.or_else(|| word.find(':').filter(|end| is_keyword && word.get(..*end).is_some_and(is_secret)));
        let open = match secrecy {
            Secrecy::Value => 0,
            Secrecy::Block if !is_open(word, is_keyword) => 0,
            _ => definition.map_or(len, |equals| equals + 1),
        };
        shown.extend(word.char_indices().map(|(at, c)| if at < open { visible(c) } else { '*' }));
        secrecy = match secrecy {
            _ if definition.is_some() => Secrecy::Value,
            Secrecy::Value => Secrecy::Value,
            _ if word == "auth_pass" => Secrecy::Value,
            Secrecy::None if is_keyword && is_secret(word) => Secrecy::Block,
            other => other,
        };
        is_keyword = word.starts_with('@');
        rest = after;
    }
    shown
}

/// The part of the line that is hidden from here on.
#[derive(Clone, Copy)]
enum Secrecy {
    None,
    /// All but the keywords.
    Block,
    /// Everything.
    Value,
}

fn is_separator(c: char) -> bool {
    let is_blank = matches!(likeness(c), Some(Likeness::Space | Likeness::LineEnd));
    c.is_control() || is_blank || matches!(c, ' ' | '{' | '}' | '"')
}

/// Returns the character to show: one that is invisible takes a column too, so that the mark is below the right place.
fn visible(c: char) -> char {
    if likeness(c) == Some(Likeness::Nothing) { '·' } else { c }
}

/// Returns true if a word of a block with a password is not the password.
fn is_open(word: &str, is_keyword: bool) -> bool {
    OPEN.contains(&word) || (is_keyword && nearest(word, OPEN).is_some())
}

fn is_secret(keyword: &str) -> bool {
    let word = keyword.to_ascii_lowercase();
    HINTS.iter().any(|hint| word.contains(hint)) || nearest(&word, SECRET).is_some()
}

/// Returns true if the line after this text may be in a block with a password, or may continue the value of a definition.
fn is_inside(before: &str) -> bool {
    let keyword = |line: &str| line.split(is_separator).find(|word| !word.is_empty()).unwrap_or_default().to_owned();
    for line in before.lines().rev().take(LINES).map(str::trim).filter(|line| !line.is_empty()) {
        if (line.ends_with('\\') && line.starts_with('$')) || is_secret(&keyword(line)) {
            return !line.ends_with('}');
        }
        // A block that ends here, or another one that begins.
        if line.contains(['{', '}']) && line != "{" {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_hidden_and_nothing_else() {
        for (before, line, expected) in [
            ("", "\tauth_pass \"gehéim\" x", " auth_pass \"******\" *"),
            ("", "auth_pas s3cret", "auth_pas ******"),
            ("", "Password = s3cret", "Password * ******"),
            ("", "aut_pas s3cret", "aut_pas ******"),
            ("", "$PW=s3cret too", "$PW=****** ***"),
            ("", "@one $PW=s3cret", "@one $PW=******"),
            (
                "",
                "authentication { auth_type PASS auth_pas s3cret }",
                "authentication { auth_type PASS ******** ****** }",
            ),
            ("", "authentication { auth_pass PASS", "authentication { auth_pass ****"),
            ("authentication {\n auth_type PASS\n", " s3cret", " ******"),
            ("authentication {\n", " auth_pas s3cret", " auth_pas ******"),
            ("", "st\u{200b}ate\u{a0}MASTER", "st·ate MASTER"),
            ("authentication\n{\n", "auth_type s3cret", "auth_type ******"),
            ("authentication {\n auth_type PASS\n}\n", "interface eth0", "interface eth0"),
            ("authentication { auth_pass x }\n", "interface eth0", "interface eth0"),
            ("$PW=\\\n", "s3cret", "******"),
            ("global_defs {\n", "router_id pass", "router_id pass"),
            ("", "auth_pass=s3cret x", "auth_pass=****** *"),
            ("", "auth_pass:s3cret x", "auth_pass:****** *"),
            ("", "2001:db8::1 dev eth0", "2001:db8::1 dev eth0"),
            ("", "notify /usr/bin/pass", "notify /usr/bin/pass"),
        ] {
            assert_eq!(printable(before, line), expected, "{before:?} {line:?}");
        }
    }
}
