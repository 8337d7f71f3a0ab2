//! The habits of the house that a machine can see.

mod house;
#[path = "house/names.rs"]
mod names;

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

/// Names that more than one public type may have, and why.
const SHARED_NAMES: &[(&str, &str)] = &[(
    "RawEntry",
    "Sv32's and Sv39's stand for each other: a build has one of the two files",
)];

/// A reader who searches for a type by its name finds one.
#[test]
fn a_public_type_has_a_name_of_its_own() {
    let files: Vec<(String, String)> = ROOMS.iter().flat_map(|room| sources(room)).collect();
    let types = names::public_types(&files);
    assert!(types.len() > 300, "only {} types are found", types.len());
    let shared = types.iter().filter(|(_, files)| files.len() > 1);
    let shared: Vec<_> = shared.map(|(name, files)| (name.as_str(), files)).collect();
    let unexplained: Vec<_> = shared
        .iter()
        .filter(|(name, _)| !SHARED_NAMES.iter().any(|(known, _)| known == name))
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for (name, _) in SHARED_NAMES {
        let is_shared = shared.iter().any(|(found, _)| found == name);
        assert!(
            is_shared,
            "`{name}` has one definition: take it off the list"
        );
    }
}

#[test]
fn a_name_defined_twice_is_found() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let types = names::public_types(&[
        file(
            "a/src/lib.rs",
            "pub struct Twice<'a> {\n    pub once: u8,\n}\n",
        ),
        file(
            "b/src/lib.rs",
            "numbered! {\n    pub enum Twice, otherwise \"no\" {\n",
        ),
        file(
            "c/src/lib.rs",
            "struct Twice;\npub fn twice() {}\n#[cfg(test)]\nmod tests {\npub struct Twice;\n",
        ),
        file("d/tests/all.rs", "pub struct Twice;\n"),
    ]);
    assert_eq!(types.len(), 1);
    assert_eq!(types["Twice"], ["a/src/lib.rs", "b/src/lib.rs"]);
}
