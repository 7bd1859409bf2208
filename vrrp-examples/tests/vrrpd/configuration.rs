//! What `--check` accepts would run, and what it refuses does not start.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::in_namespace;

/// Runs a program with no capability, in a namespace that has no interface but `lo`.
fn unprivileged(program: &str, arguments: &[&str]) -> Output {
    let nothing = ["--ambient-caps", "-all", "--inh-caps", "-all", "--bounding-set", "-all"];
    Command::new("setpriv").args(nothing).arg(program).args(arguments).output().unwrap()
}

fn vrrpd(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = unprivileged(env!("CARGO_BIN_EXE_vrrpd"), arguments);
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_articles_files_pass_without_interface_and_privilege() {
    in_namespace(|| {
        let status = String::from_utf8(unprivileged("cat", &["/proc/self/status"]).stdout).unwrap();
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        for file in ["article/proxy-serv01.conf", "article/proxy-serv02.conf"] {
            let line = format!("{file}: 2 virtual routers and 1 script would run\n");
            assert_eq!(vrrpd(&["--check", "--config", file]), (Some(0), line, String::new()));
        }
    });
}

#[test]
fn a_broken_file_is_refused_with_its_place_and_does_not_start() {
    in_namespace(|| {
        let mut files = 0;
        for entry in fs::read_dir("tests/conf/broken").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "conf") {
                continue;
            }
            files += 1;
            let file = path.to_str().unwrap();
            let (code, out, err) = vrrpd(&["--check", "--config", file]);
            assert_eq!((code, out.as_str()), (Some(1), ""), "{file}");
            assert!(err.lines().any(|line| names_a_place(line, &path)), "{file}: no place in:\n{err}");
            assert_eq!(vrrpd(&["--config", file]), (code, out, err), "{file}: --check and start differ");
        }
        assert!(files >= 20, "{files} files");
    });
}

/// `path/file.conf:line:column: error: text`; the file may be one that it includes.
fn names_a_place(line: &str, path: &Path) -> bool {
    let Some((place, text)) = line.split_once(": error: ") else { return false };
    let mut parts = place.rsplitn(3, ':');
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok_and(|n| n > 0));
    number(parts.next()) && number(parts.next()) && parts.next() == path.to_str() && !text.is_empty()
}
