//! Hides the part of a source line that may be a password: the line goes to logs.

use crate::vrrpd::report::diagnostics::nearest;

/// Parts of the key of a password, correctly spelt or not.
const HINTS: [&str; 6] = ["auth", "pass", "secret", "hmac", "psk", "pwd"];

/// Returns `line` with every character one column wide, and without what may be a password. `before` is the text above.
pub(crate) fn printable(before: &str, line: &str) -> String {
    let open = if is_inside(before) { 0 } else { open(line) };
    line.char_indices().map(|(at, c)| if at < open || is_space(c) { visible(c) } else { '*' }).collect()
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn visible(c: char) -> char {
    if is_space(c) { ' ' } else { c }
}

/// Returns how much of a line may be shown: all up to the value of a key that may be one of a password.
fn open(line: &str) -> usize {
    let mut key_start = 0;
    for (at, c) in line.char_indices() {
        match c {
            // A bare `=` may be inside of a text; to hide too much does no harm.
            '=' if line.get(key_start..at).is_some_and(is_secret) => return at + 1,
            '=' | ',' | '{' | '[' => key_start = at + 1,
            _ => {}
        }
    }
    line.len()
}

/// Returns true if the last part of a key is that of a password.
fn is_secret(key: &str) -> bool {
    let key = key.rsplit('.').next().unwrap_or_default();
    let key = key.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    HINTS.iter().any(|hint| key.contains(hint)) || nearest(&key, ["password"]).is_some()
}

/// Returns true if the line after this text continues the value of a password: a list, or a text of several lines.
fn is_inside(before: &str) -> bool {
    let Some((at, line)) = last_secret(before) else { return false };
    let Some(value) = before.get(at + open(line)..) else { return false };
    let value = value.trim_start();
    let closing = match value {
        _ if value.starts_with("\"\"\"") => "\"\"\"",
        _ if value.starts_with("'''") => "'''",
        _ if value.starts_with('[') => "]",
        // Its value may be on the next line where that is an error.
        "" => return true,
        _ => return false,
    };
    !value.get(closing.len()..).is_some_and(|rest| rest.contains(closing))
}

/// Returns the last line with a password in it, and where it begins.
fn last_secret(before: &str) -> Option<(usize, &str)> {
    let mut start = before.len();
    for line in before.split_inclusive('\n').rev() {
        start -= line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if open(line) < line.len() || (line.ends_with('=') && is_secret(line.trim_end_matches('='))) {
            return Some((start, line));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_hidden_and_nothing_else() {
        for (before, line, expected) in [
            ("", "password = \"s3cret\"", "password = ********"),
            ("", "\tpasswrd = 's3cret' # x", " passwrd = ******** * *"),
            ("", "auth_pass=\"é\"", "auth_pass=***"),
            ("", "router.a.password = \"x\"", "router.a.password = ***"),
            ("", "a = { vrid = 1, \"password\" = \"x\" }", "a = { vrid = 1, \"password\" = *** *"),
            ("password = \"\"\"\n", "s3cret", "******"),
            ("password = \"\"\"\ns3cret\"\"\"\n", "vrid = 1", "vrid = 1"),
            ("password = [\n", " 65,", " ***"),
            ("password = [\n65]\n", "vrid = 1", "vrid = 1"),
            ("password = \"x\"\n", "vrid = 1", "vrid = 1"),
            ("password =\n", "\"s3cret\"", "********"),
            ("", "# the router of the passage", "# the router of the passage"),
            ("", "interface = \"eth0\"", "interface = \"eth0\""),
        ] {
            assert_eq!(printable(before, line), expected, "{before:?} {line:?}");
        }
    }
}
