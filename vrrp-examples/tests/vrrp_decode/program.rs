//! The program: its streams and its exit status.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::{lines, parse, peers};

fn decode(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrrp-decode"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_file_and_standard_input_give_the_same() {
    let path = &peers()[0];
    let capture = fs::read(path).unwrap();
    let expected = lines(&capture);
    let from_file = decode(&["--json", path.to_str().unwrap()], &[]);
    let from_stdin = decode(&["--json", "-"], &capture);
    for output in [from_file, from_stdin, decode(&["--json"], &capture)] {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(parse(&output.stdout), expected);
    }
    let text = decode(&["-"], &capture);
    assert_eq!(String::from_utf8(text.stdout).unwrap().lines().count(), expected.len());
}

#[test]
fn only_what_is_no_capture_fails() {
    let none = decode(&["/nonexistent.pcap"], &[]);
    assert_eq!(none.status.code(), Some(2));
    let said = String::from_utf8(none.stderr).unwrap();
    assert_eq!(said, "vrrp-decode: /nonexistent.pcap: No such file or directory (os error 2)\n");

    let text = decode(&["-"], b"This is a letter, and not a capture.");
    assert_eq!(text.status.code(), Some(2));
    let said = String::from_utf8(text.stderr).unwrap();
    assert_eq!(said, "vrrp-decode: standard input: this is neither pcap nor pcapng\n");

    let capture = fs::read(&peers()[0]).unwrap();
    let cut = decode(&["--json", "-"], &capture[..capture.len() - 1]);
    assert!(cut.status.success() && cut.stderr.is_empty(), "{cut:?}");
}

#[test]
fn a_password_is_never_printed() {
    let path = peers().into_iter().find(|path| path.ends_with("keepalived-v2-password.pcap")).unwrap();
    assert!(fs::read(&path).unwrap().windows(6).any(|octets| octets == b"secret"));
    for arguments in [&["--json", path.to_str().unwrap()][..], &[path.to_str().unwrap()]] {
        let output = decode(arguments, &[]);
        assert!(output.stdout.len() > 100 && !String::from_utf8(output.stdout).unwrap().contains("secret"));
    }
}

#[test]
fn a_reader_that_goes_early_is_no_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrrp-decode"));
    command.args(["--json", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let _ = child.stdin.take().unwrap().write_all(&fs::read(&peers()[0]).unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
