//! Command lines: the one place where keepalived knows single quotes and escapes.

use std::iter::Peekable;
use std::str::Chars;

use crate::vrrpd::keepalived::text::lexer::is_space;

/// Splits the values of a `script` or `notify` line as written in the file. The first string is the whole command, itself split
/// once more. The user and the group come after it.
///
/// # Errors
/// The quote that is not closed.
pub(crate) fn split_values(raw: &str) -> Result<(Vec<String>, Vec<String>), char> {
    let mut strings = split(raw)?.into_iter();
    let command = match strings.next() {
        Some(command) => split(&command)?,
        None => Vec::new(),
    };
    Ok((command, strings.collect()))
}

/// Splits at white space outside quotes of either kind; quotes go, escapes are resolved, adjacent pieces join.
fn split(text: &str) -> Result<Vec<String>, char> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if is_space(c) || c == '\n' => words.extend(word.take()),
            ('\\', _) => word.get_or_insert_default().push(escaped(&mut chars)),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.map_or(Ok(words), Err)
}

/// Returns the character that a backslash and the characters after it mean.
fn escaped(chars: &mut Peekable<Chars<'_>>) -> char {
    let Some(c) = chars.next() else {
        return '\\';
    };
    match c {
        'a' => '\x07',
        'b' => '\x08',
        'E' => '\x1b',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => number(0, 16, 2, chars),
        'c' => chars.next().map_or('c', |c| char::from(c.to_ascii_uppercase() as u8 & 0x1f)),
        '0'..='7' => number(c.to_digit(8).unwrap_or_default(), 8, 2, chars),
        c => c,
    }
}

fn number(start: u32, radix: u32, digits: usize, chars: &mut Peekable<Chars<'_>>) -> char {
    let mut value = start;
    for _ in 0..digits {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
        value = value * radix + digit;
        chars.next();
    }
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_split_as_keepalived_2_2_7_was_seen_to_split_them() {
        for (raw, command, rest) in [
            (r#""/usr/sbin/squid -k check""#, &["/usr/sbin/squid", "-k", "check"][..], &[][..]),
            (r#""/p A -k 'x y' z""#, &["/p", "A", "-k", "x y", "z"], &[]),
            (r"/p B arg", &["/p"], &["B", "arg"]),
            (r#""/p C \"a # b\" c""#, &["/p", "C", "a # b", "c"], &[]),
            (r#"'/p D "a b" c'"#, &["/p", "D", "a b", "c"], &[]),
            (r#""/p F a\\nb\tc""#, &["/p", "F", "a\nb", "c"], &[]),
            (r#""'/a b/c' d" user group"#, &["/a b/c", "d"], &["user", "group"]),
            (r#""""#, &[], &[]),
        ] {
            let (got_command, got_rest) = split_values(raw).unwrap();
            assert_eq!((got_command.as_slice(), got_rest.as_slice()), (&owned(command)[..], &owned(rest)[..]), "{raw}");
        }
        assert_eq!(split_values(r#""/p 'a""#), Err('\''));
    }

    #[test]
    fn escapes_are_the_manuals() {
        assert_eq!(split(r"\101\x42\cc\q\\ \").unwrap(), ["AB\x03q\\", "\\"]);
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}
