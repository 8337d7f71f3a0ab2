//! The pages of TOML keys name the keys that are read, and no others.
//!
//! The readers themselves state them: one that meets an unknown key or word names those that it knows.

#[expect(
    dead_code,
    reason = "pages are Markdown; sources are read by other tests"
)]
mod house;

use std::collections::BTreeSet;
use std::process::Command;

use house::{house, read};

type WordSet = BTreeSet<String>;

/// Words between backticks.
fn quoted(text: &str) -> WordSet {
    let words = text.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// What a reader says that it expected.
fn expected(error: &str) -> WordSet {
    let (_, list) = error
        .split_once("expected")
        .unwrap_or_else(|| panic!("no list of what is known: {error}"));
    quoted(list.lines().next().unwrap_or_default())
}

/// The keys of a section of a page: the first cell of each row of its table.
fn keys(page: &str, heading: &str) -> WordSet {
    let rows = section(page, heading)
        .lines()
        .filter(|row| row.starts_with("| `"));
    rows.flat_map(|row| quoted(row[2..].split(" | ").next().unwrap_or_default()))
        .collect()
}

/// The words that the row of a key names.
fn values(page: &str, heading: &str, key: &str) -> WordSet {
    let begin = format!("| `{key}` | ");
    let row = section(page, heading)
        .lines()
        .find_map(|row| row.strip_prefix(&begin));
    quoted(row.unwrap_or_else(|| panic!("no row of {key}")))
}

fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap_or_default()
}

/// `text` with an unknown key as the first of a table, or of the file where there is no table.
fn with_unknown(text: &str, table: &str) -> String {
    match table {
        "" => format!("unknown_key = 1\n{text}"),
        table => {
            assert!(text.contains(table), "{table} is in the file");
            text.replacen(table, &format!("{table}\nunknown_key = 1"), 1)
        }
    }
}

#[test]
fn the_page_of_a_boards_file_has_its_keys_and_words() {
    let page = read(&house().join("docs/reference/board.md"));
    let text = read(&house().join("boards/ox64.toml"));
    let wrong = |text: &str| boards::parse("x", "x.toml", text).unwrap_err().to_string();
    for (heading, table) in [
        ("The board", ""),
        ("`[ram]`", "[ram]"),
        ("`[uart]`", "[uart]"),
        ("`[plic]`", "[plic]"),
        ("`[boot]`", "[boot]"),
        ("`[jtag]`", "[jtag]"),
        ("`[[device]]`", "[[device]]"),
    ] {
        let known = expected(&wrong(&with_unknown(&text, table)));
        assert_eq!(keys(&page, heading), known, "{heading}");
    }
    for (heading, key, from) in [
        ("The board", "paging", "\"sv39\""),
        ("The board", "dialect", "\"thead\""),
        ("The board", "user_layout", "user_layout = \"ox64\""),
        ("`[uart]`", "kind", "\"bl808\""),
        ("`[boot]`", "medium", "\"sd\""),
    ] {
        let to = match from.split_once(" = ") {
            Some((key, _)) => format!("{key} = \"x\""),
            None => "\"x\"".to_owned(),
        };
        let known = expected(&wrong(&text.replacen(from, &to, 1)));
        let named = values(&page, heading, key);
        assert!(known.is_subset(&named), "{key}: {named:?}, but {known:?}");
    }
}

#[test]
fn the_page_of_an_images_definition_has_its_keys_and_words() {
    let page = read(&house().join("docs/reference/image.md"));
    let text = read(&house().join("images/ox64-sd.toml"));
    let wrong = |text: &str| images::parse("x.toml", text).unwrap_err().to_string();
    for (heading, table) in [
        ("The image", ""),
        ("`[payload]`", "[payload]"),
        ("`[[partition]]`", "[[partition]]"),
        ("`[[partition.file]]`", "[[partition.file]]"),
        ("`[partition.extlinux]`", "[partition.extlinux]"),
    ] {
        let known = expected(&wrong(&with_unknown(&text, table)));
        assert_eq!(keys(&page, heading), known, "{heading}");
    }
    for (heading, key, from) in [
        ("The image", "table", "\"mbr\""),
        ("`[[partition]]`", "fat", "\"fat32\""),
    ] {
        let known = expected(&wrong(&text.replacen(from, "\"x\"", 1)));
        assert_eq!(values(&page, heading, key), known, "{key}");
    }
}

#[test]
fn the_page_of_settings_has_their_keys() {
    let page = read(&house().join("docs/reference/settings.md"));
    let keys = keys(&page, "The file");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pagewalk.toml");
    for (text, above) in [
        ("unknown_key = 1\n", ""),
        ("[boards.x]\nunknown_key = 1\n", "boards.NAME."),
    ] {
        std::fs::write(&file, text).expect("a file");
        let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["board", "list"])
            .env("PAGEWALK_CONFIG", &file)
            .output()
            .expect("our program runs");
        for key in expected(&String::from_utf8_lossy(&run.stderr)) {
            let is_there =
                keys.contains(&format!("{above}{key}")) || keys.contains(&format!("[{key}.NAME]"));
            assert!(is_there, "no row of {above}{key}");
        }
    }
}

/// The version states what a bug report needs.
#[test]
fn the_version_tells_commit_target_and_features() {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .arg("--version")
        .output()
        .expect("our program runs");
    let text = String::from_utf8(run.stdout).expect("text");
    let line = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .trim()
    };
    assert!(
        text.starts_with(&format!("pagewalk {}\n", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    assert!(line("target").contains('-'), "{text}");
    assert!(!line("commit").is_empty(), "{text}");
    for (name, is_on) in [
        ("web", cfg!(feature = "web")),
        ("probe", cfg!(feature = "probe")),
    ] {
        assert_eq!(line("features").contains(name), is_on, "{text}");
    }
}
