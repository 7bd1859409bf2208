//! Any file: a capture is decoded up to where it is damaged, the same however it trickles in.

use std::io::{self, Read};

use vrrp_examples::decode::{Error, Format, decode};

pub fn run(input: &[u8]) {
    let mut json = Vec::new();
    let whole = decode(input, &mut json, Format::Json);
    assert!(matches!(whole, Ok(()) | Err(Error::Input(_))), "{whole:?}");
    let text = std::str::from_utf8(&json).unwrap();
    for line in text.lines() {
        let _: serde_json::Map<_, _> = serde_json::from_str(line).unwrap();
    }

    let mut lines = Vec::new();
    let again = decode(Trickle(input), &mut lines, Format::Text);
    assert_eq!(format!("{again:?}"), format!("{whole:?}"));
    assert_eq!(std::str::from_utf8(&lines).unwrap().lines().count(), text.lines().count());
}

/// Reads as from a pipe: a few octets at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1 + self.0.len() % 7);
        self.0.read(&mut buffer[..most])
    }
}
