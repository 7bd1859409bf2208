//! The corpus of every fuzz target goes through it once, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, missing_docs, reason = "a library elsewhere")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;

#[test]
fn every_target_takes_its_corpus() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, run) in fuzz::TARGETS {
        let inputs: Vec<_> = fs::read_dir(corpora.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 10, "{name}: {} inputs", inputs.len());
        for input in inputs {
            // The last line before a failure names the input.
            println!("{}", input.display());
            run(&fs::read(&input).unwrap());
        }
    }
    let known: Vec<_> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut found: Vec<_> =
        fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, known, "a corpus without a target, or the other way round");
}
