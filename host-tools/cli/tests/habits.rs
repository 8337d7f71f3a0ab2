//! The habits of the house that a machine can see.

mod house;

use house::{ROOMS, sources};

/// Words that say something is not finished; spelled so that this list is not a finding.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("dbg", "!("),
    concat!("unimplemented", "!("),
];

#[test]
fn every_file_says_first_what_it_is() {
    for (path, source) in ROOMS.iter().flat_map(|room| sources(room)) {
        let first = source.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! "),
            "{path}:1: begins with `{first}`, not with a line that says what it is"
        );
    }
}

#[test]
fn nothing_is_left_for_later() {
    for (path, source) in ROOMS.iter().flat_map(|room| sources(room)) {
        for (at, line) in source.lines().enumerate() {
            let found = UNFINISHED.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{path}:{}: {}", at + 1, line.trim());
        }
    }
}
