//! The habits of the house that a machine can see.

mod house;
#[path = "house/names.rs"]
mod names;
#[path = "house/words.rs"]
mod words;

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

/// Terms that the tree leaves behind, what to write instead, and how often each may still occur in comments, messages
/// and pages. A number may only be lowered; promises (numbers, keys, options, names) stand in backticks and are not
/// counted.
#[rustfmt::skip]
const OLD_TERMS: &[(&str, &str, usize)] = &[
    ("desk",          "host",                              0),
    ("board side",    "target",                            0),
    ("given back",    "freed, returned",                   0),
    ("gives back",    "frees, returns",                    0),
    ("in force",      "active",                            0),
    ("knock",         "gdb's first packet",                0),
    ("hears",         "receives",                          0),
    ("hear",          "receive",                           0),
    ("heard",         "received",                          0),
    ("told",          "reported, said by the user",        0),
    ("tells",         "reports, states, shows",            0),
    ("tell",          "report, state, distinguish",        0),
    ("whoever",       "a caller, a reader: name it",       0),
    ("nobody",        "no caller, no task: name it",       0),
    ("somebody",      "a user, another program: name it",  0),
    ("anew",          "again",                             0),
    ("for ever",      "without limit, never changes",      0),
    ("at the door",   "connecting",                        0),
    ("round a corner", "indirectly",                       0),
    ("him",           "it",                                0),
    ("shall",         "must, is to",                       0),
];

/// Readers find things by the field's words. `EVERY=1` lists what is left.
#[test]
fn old_terms_only_become_fewer() {
    let mut prose = Vec::new();
    for (path, source) in ROOMS.iter().flat_map(|room| sources(room)) {
        // The list itself names what it forbids.
        if !path.ends_with("tests/habits.rs") {
            prose.extend(words::of_rust(&path, &source));
        }
    }
    for path in pages() {
        prose.extend(words::of_markdown(
            &path.display().to_string(),
            &read(&path),
        ));
    }
    let others: Vec<_> = ROOMS
        .iter()
        .chain(&["gdb-plugin"])
        .flat_map(|room| files(room))
        .collect();
    for path in others {
        prose.extend(words::of_comments(
            &path.display().to_string(),
            &read(&path),
        ));
    }
    let mut broken = Vec::new();
    for &(term, instead, most) in OLD_TERMS {
        let is_in = |it: &&words::Prose| words::occurrences(&it.text, term) > 0;
        let found: Vec<_> = prose.iter().filter(is_in).collect();
        let count: usize = found
            .iter()
            .map(|it| words::occurrences(&it.text, term))
            .sum();
        if std::env::var_os("EVERY").is_some() {
            for it in &found {
                println!("{}:{}: `{term}`: {}", it.file, it.line, it.text.trim());
            }
        }
        if count > most {
            broken.push(format!(
                "`{term}` occurs {count} times, {most} are allowed; write: {instead}"
            ));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Sources in other languages than Rust: assembly, linker scripts, boards, images, the plugin, the web page.
fn files(room: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![house().join(room)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a room can be read") {
            let path = entry.expect("an entry of it").path();
            let is_ours = !path.ends_with("target") && !path.ends_with("captures");
            match path.extension().and_then(|it| it.to_str()) {
                _ if path.is_dir() && is_ours => folders.push(path),
                Some("S" | "ld" | "toml" | "py" | "js") => found.push(path),
                _ => {}
            }
        }
    }
    found
}

/// Pages at the top of the house and below docs/.
fn pages() -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![house().join("docs")];
    let top = std::fs::read_dir(house()).expect("the house can be read");
    let top = top.map(|entry| entry.expect("an entry of it").path());
    found.extend(top.filter(|path| path.extension().is_some_and(|it| it == "md")));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("docs can be read") {
            let path = entry.expect("an entry of it").path();
            match path.is_dir() {
                true => folders.push(path),
                // It is written from the sources, where its words are counted already.
                false if path.ends_with("reference/commands.md") => {}
                false if path.extension().is_some_and(|it| it == "md") => found.push(path),
                false => {}
            }
        }
    }
    found
}

/// Of 1000 documentation comments, so many may have four words or fewer. It may only be lowered: such a line mostly
/// repeats a name, where a unit, a range or an invariant belongs.
const MOST_SHORT_DOCS: usize = 125;

#[test]
fn few_docs_only_repeat_a_name() {
    let lengths: Vec<usize> = ROOMS
        .iter()
        .flat_map(|room| sources(room))
        .flat_map(|(_, source)| words::doc_lengths(&source))
        .collect();
    let short = lengths.iter().filter(|&&words| words <= 4).count();
    let share = short * 1000 / lengths.len();
    assert!(
        share <= MOST_SHORT_DOCS,
        "{short} of {} documentation comments have four words or fewer: {share} of 1000, {MOST_SHORT_DOCS} are allowed",
        lengths.len()
    );
}

#[test]
fn prose_is_told_from_code() {
    let source = "/// A desk.\nlet desk = \"desk\"; // one `desk`, a desk\nlet q = '\"'; let s = \"a \\\" desk\";\n";
    let prose = words::of_rust("a.rs", source);
    let count = |it: &words::Prose| words::occurrences(&it.text, "desk");
    let found: Vec<_> = prose.iter().map(|it| (it.line, count(it))).collect();
    assert_eq!(found, [(1, 1), (2, 1), (3, 1)]);
    let page = "A desk.\n```text\ndesk\n```\n`desk` and Desk, desks\n";
    let prose = words::of_markdown("a.md", page);
    assert_eq!(prose.iter().map(count).sum::<usize>(), 2);
    assert_eq!(
        words::doc_lengths("/// One\n/// two.\nfn a() {}\n/// Three.\n"),
        [2, 1]
    );
}
