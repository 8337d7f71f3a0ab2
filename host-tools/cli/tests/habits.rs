//! The habits of the house that a machine can see.

mod house;

use house::{ROOMS, house, read, sources};

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

/// docs/kernel.md names the test that shows each capability, as `file::test`.
#[test]
fn every_capability_names_a_test_that_exists() {
    let tests: Vec<(String, String)> = ROOMS.iter().flat_map(|room| sources(room)).collect();
    let exists = |file: &str, test: &str| {
        let end = format!("/{file}.rs");
        let opens = [format!("fn {test}("), format!("fn {test}<")];
        tests.iter().any(|(path, source)| {
            path.ends_with(&end) && opens.iter().any(|open| source.contains(open))
        })
    };
    let document = read(&house().join("docs/kernel.md"));
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("shown by"));
    for row in rows {
        let named = row
            .split('`')
            .filter_map(|word| word.split_once("::"))
            .collect::<Vec<_>>();
        assert!(!named.is_empty(), "docs/kernel.md names no test: {row}");
        for (file, test) in named {
            assert!(
                exists(file, test),
                "docs/kernel.md names {file}::{test}, which is not there"
            );
        }
    }
}

/// The page of system calls has every call and every error, with their numbers.
#[test]
fn every_system_call_and_error_is_documented() {
    let page = read(&house().join("docs/calls.md"));
    for call in abi::Call::ALL {
        let row = format!("| {} | `{call:?}(", call.number());
        let line = page.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("no row `{row}` in docs/calls.md"));
        assert_eq!(line.matches(" | ").count(), 4, "{line}");
    }
    for error in abi::Error::ALL {
        let (number, errno, xous) = (error.number(), error.errno(), error.xous());
        let row = format!("| {number} | `{error:?}` | {errno} | {xous} |");
        assert!(page.lines().any(|line| line == row), "no row `{row}`");
    }
}
