//! A check of the content of a file, or of its absence.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use vrrp_core::Reading;

use super::deadline::{Aside, Deadline};
use super::http::contains;
use super::outcome::{Failure, Outcome, Why};
use super::probe::{File, FileExpect};

/// The octets of a file that are looked at.
const LARGEST: u64 = 1024 * 1024;

/// The octets of a number that are looked at.
const NUMBER: u64 = 64;

const READ: &str = "read";

/// Looks at it, after `tell`: so no change is missed.
pub(super) async fn look(
    file: &File,
    tell: impl FnOnce() + Send + 'static,
    aside: &mut Aside,
    deadline: Deadline,
) -> Result<String, Failure> {
    let (path, text) = match &file.expect {
        FileExpect::Present | FileExpect::Absent => (file.path.clone(), None),
        FileExpect::Contains(text) => (file.path.clone(), Some(text.clone())),
    };
    let look = move || {
        tell();
        Ok(find(&path, text.as_deref())?)
    };
    let found = aside.run(deadline, READ, look).await?;
    match (&file.expect, found) {
        (FileExpect::Present, Found::Here) => Ok("is there".to_owned()),
        (FileExpect::Absent, Found::Nothing) => Ok("is not there".to_owned()),
        (FileExpect::Contains(text), Found::Text) => Ok(format!("has `{text}` in it")),
        (FileExpect::Absent, _) => Err(Failure::unexpected(READ, "no file", "one")),
        (FileExpect::Contains(text), Found::Here) => {
            Err(Failure::unexpected(READ, format_args!("`{text}` in its first MiB"), "none"))
        }
        (_, Found::Nothing) => Err(Failure::new(READ, io::Error::from_raw_os_error(libc::ENOENT))),
        (FileExpect::Present, Found::Text) => Ok("is there".to_owned()),
    }
}

enum Found {
    Nothing,
    Here,
    Text,
}

fn find(path: &Path, text: Option<&str>) -> io::Result<Found> {
    let Some(text) = text else {
        return Ok(if path.try_exists()? { Found::Here } else { Found::Nothing });
    };
    match begin(path, LARGEST) {
        Ok(octets) => Ok(if contains(&octets, text.as_bytes()) { Found::Text } else { Found::Here }),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(why) => Err(why),
    }
}

/// Reads the number that a file begins with, after `tell`.
pub(super) async fn value(
    path: &Path,
    tell: impl FnOnce() + Send + 'static,
    aside: &mut Aside,
    deadline: Deadline,
) -> Outcome {
    let of: PathBuf = path.to_owned();
    let look = move || {
        tell();
        number(&begin(&of, NUMBER)?)
    };
    match aside.run(deadline, READ, look).await {
        Ok(value) => Outcome { reading: Reading::Value(value), reason: format!("{}: {value}", path.display()) },
        Err(failure) => Outcome::at(path.display(), Err(failure)),
    }
}

/// Reads a whole number, with or without a sign, in front of what is no digit. What is beyond the type is its end.
fn number(octets: &[u8]) -> Result<i32, Why> {
    let text = octets.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let len = digits.iter().take_while(|octet| octet.is_ascii_digit()).count();
    if len == 0 {
        let found = String::from_utf8_lossy(text.split(|octet| *octet == b'\n').next().unwrap_or_default());
        let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{}`", found.escape_debug()) };
        return Err(Why::Unexpected { expected: "a number at its begin".to_owned(), found });
    }
    let digits = digits.iter().take(len).map(|octet| i32::from(octet - b'0'));
    Ok(digits.fold(0, |sum: i32, digit| sum.saturating_mul(10).saturating_add(if negative { -digit } else { digit })))
}

/// Reads the begin of a file. One that is a pipe without a writer is read as empty.
fn begin(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut octets = Vec::new();
    file.take(most).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Reads a file that is to be read whole.
#[cfg(feature = "checks-tls")]
pub(super) fn whole(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 16 * 1024 * 1024;
    begin(path, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_no_digit_is_and_never_overflows() {
        let read = |text: &str| number(text.as_bytes()).map_err(|why| why.to_string());
        for (text, value) in [("7", 7), (" \n-12\nrest", -12), ("+3 4", 3), ("0x10", 0), ("99999999999", i32::MAX)] {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        assert_eq!(read("-99999999999"), Ok(i32::MIN));
        for (text, found) in [("", "nothing"), ("-", "`-`"), ("up\n1", "`up`"), ("\u{1b}[1m", "`\\u{1b}[1m`")] {
            assert_eq!(read(text), Err(format!("expected a number at its begin, found {found}")));
        }
    }
}
