//! Any text as a recording, once more with checksums that fit: what can be read can be replayed, written and read again.

use vrrp_core::record::Recording;

/// More routers than a file has lines for would only cost time.
const LINES: usize = 2_000;

pub fn run(input: &[u8]) {
    let _ = Recording::from_text(input);
    let Some(sealed) = std::str::from_utf8(input).ok().filter(|text| text.lines().count() <= LINES).map(sealed) else {
        return;
    };
    let Ok(recording) = Recording::from_text(sealed.as_bytes()) else { return };
    let replayed = recording.replay();
    let text = recording.to_text();
    let again = Recording::from_text(text.as_bytes()).unwrap();
    assert_eq!(again.to_text(), text);
    assert_eq!(again.replay(), replayed);
    for id in recording.routers().into_iter().take(4) {
        let _ = recording.clone().only(&[id]).replay();
    }
}

/// Gives every line the checksum that fits.
fn sealed(text: &str) -> String {
    let mut crc = 0_u32;
    let mut sealed = String::new();
    for line in text.lines() {
        let line = line.rsplit_once(",\"crc\":").map_or(line, |(line, _)| line);
        crc = !line.bytes().fold(!crc, |crc, octet| {
            (0..8).fold(crc ^ u32::from(octet), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        });
        sealed.push_str(&format!("{line},\"crc\":\"{crc:08x}\"}}\n"));
    }
    sealed
}
