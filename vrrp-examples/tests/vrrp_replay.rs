//! `vrrp-replay` on its command line.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

const GROUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/recording/group");
const TAKEOVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/recording/0-true");

fn replay(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vrrp-replay")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn it_tells_the_story_as_much_of_it_as_is_wanted() {
    let (status, story, said) = replay(&[GROUP]);
    assert_eq!((status, &*said), (Some(0), ""));
    assert!(story.contains("+0.000000 router 0: Initialize -> Backup: started\n"), "{story}");
    assert!(story.contains("router 1: heard 192.0.2.20 at priority 200: ignored\n"), "{story}");
    assert!(!story.contains(": accepted\n") && story.lines().last().unwrap().starts_with("agrees: "), "{story}");
    let (status, verbose, _) = replay(&[GROUP, "--verbose"]);
    assert!(status == Some(0) && verbose.contains("heard 192.0.2.20 at priority 200: accepted\n"), "{verbose}");
    let (status, quiet, _) = replay(&[GROUP, "--quiet"]);
    assert_eq!((status, quiet.lines().count()), (Some(0), 1));
}

#[test]
fn what_it_cannot_read_it_says_and_what_to_do() {
    let (status, story, said) = replay(&["/nowhere"]);
    assert_eq!((status, &*story), (Some(2), ""));
    assert!(said.starts_with("vrrp-replay: /nowhere: ") && said.lines().count() == 1, "{said}");
    let (status, _, said) = replay(&[env!("CARGO_BIN_EXE_vrrp-replay")]);
    assert!(status == Some(2) && said.contains("line 1: this is no recording"), "{said}");
    let (status, _, said) = replay(&[GROUP, "--router", "web"]);
    assert!(status == Some(2) && said.contains("there is no router web in it; there are: "), "{said}");
}

#[test]
fn it_draws_the_story_as_a_page() {
    let page = std::env::temp_dir().join(format!("vrrp-replay-{}.html", std::process::id()));
    let drawn = |recording: &str| -> serde_json::Value {
        let (status, _, said) = replay(&[recording, "--quiet", "--html", page.to_str().unwrap()]);
        assert_eq!((status, &*said), (Some(0), ""));
        let drawn = std::fs::read_to_string(&page).unwrap();
        std::fs::remove_file(&page).unwrap();
        let (_, data) = drawn.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
        let data: serde_json::Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
        data[0].clone()
    };
    // Two routers of this host, and the Master that each hears.
    let group = drawn(GROUP);
    let lanes: Vec<_> = group["lanes"].as_array().unwrap().iter().map(|lane| &lane["host"]).collect();
    assert_eq!(lanes, ["this host", "this host", "192.0.2.20", "192.0.2.20"]);
    let states: Vec<_> =
        group["states"].as_array().unwrap().iter().map(|state| (state[1].clone(), state[2].clone())).collect();
    assert_eq!(states.last().unwrap(), &(3.into(), "master".into()), "{group:#}");
    let fates: Vec<_> = group["advertisements"].as_array().unwrap().iter().map(|sent| &sent[4][0][1]).collect();
    assert_eq!(fates, ["heard", "rejected", "heard", "rejected"]);
    // A Master with its addresses.
    let takeover = drawn(TAKEOVER);
    assert!(takeover["states"].as_array().unwrap().iter().any(|state| state[1] == 0 && state[2] == "master"));
    assert!(takeover["held"].as_array().is_some_and(|held| held.len() >= 2), "{takeover:#}");
    let (status, _, said) = replay(&[GROUP, "--html", "/nowhere/page.html"]);
    assert!(status == Some(2) && said.contains("cannot write /nowhere/page.html: No such file"), "{said}");
}
