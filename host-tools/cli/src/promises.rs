//! What must not vanish: options, commands, JSON members, exit codes, `pw` and `monitor` commands, verbs, bench rows.
//!
//! `tests/promises.txt` lists them, a line each. What is on it and is not found any more fails the test. What is new
//! joins it with `just reference`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Command;
use serde_json::Value;

use crate::exit::{self, UsageError};

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promises.txt");

type Promises = BTreeSet<String>;

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files below a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the tree") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// Commands and options, hidden ones too: an old spelling is a promise.
fn command_line(command: &Command, into: &mut Promises) {
    let name = command.get_bin_name().unwrap_or("pagewalk").to_owned();
    into.insert(format!("command {name}"));
    for arg in command.get_arguments() {
        let long = arg.get_long_and_visible_aliases().unwrap_or_default();
        into.extend(long.iter().map(|long| format!("option {name} --{long}")));
        let short = arg.get_short_and_visible_aliases().unwrap_or_default();
        into.extend(short.iter().map(|short| format!("option {name} -{short}")));
        if arg.is_positional() {
            into.insert(format!(
                "option {name} {}",
                arg.get_id().as_str().to_uppercase()
            ));
        }
    }
    for below in command.get_subcommands() {
        if below.get_name() != "help" {
            command_line(below, into);
        }
    }
}

/// Every member of the JSON that golden tests hold, and of docs/json.md.
fn json(into: &mut Promises) {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected");
    for file in files(&expected, ".txt") {
        let text = read(&file);
        let Some((_, answer)) = text.split_once("\n{\n") else {
            continue;
        };
        let answer = answer.split("\n--- ").next().unwrap_or_default();
        let Ok(value) = serde_json::from_str::<Value>(&format!("{{{answer}")) else {
            continue;
        };
        if let Some(schema) = value["schema"].as_str() {
            members(schema, "", &value, into);
        }
    }
    let page = read(&house().join("docs/json.md"));
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        for schema in heading
            .split('`')
            .filter(|word| word.starts_with("pagewalk."))
        {
            into.insert(format!("json {schema}"));
            let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
            for cell in rows.filter_map(|row| row.split(" | ").next()) {
                let words = cell.split('`').skip(1).step_by(2);
                into.extend(words.map(|word| format!("json {schema} {word}, of its page")));
            }
        }
    }
}

fn members(schema: &str, above: &str, value: &Value, into: &mut Promises) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{above}.{key}");
                into.insert(format!("json {schema} {}", path.trim_start_matches('.')));
                members(schema, &path, value, into);
            }
        }
        Value::Array(items) => {
            for item in items {
                members(schema, &format!("{above}[]"), item, into);
            }
        }
        _ => {}
    }
}

fn exit_codes(into: &mut Promises) {
    let ends: [(&str, anyhow::Result<()>); 4] = [
        ("an answer", Ok(())),
        ("an error", Err(anyhow::anyhow!("something"))),
        ("a misuse", Err(UsageError("something".to_owned()).into())),
        (
            "a closed pipe",
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()),
        ),
    ];
    for (what, end) in ends {
        into.insert(format!("exit {what}: {:?}", exit::code(end)));
    }
    into.insert(format!("exit interrupted: {}", crate::ending::INTERRUPTED));
}

/// `pw` commands by their usage, gdb's `monitor` commands and those of the prompt by their lists.
fn debugger(into: &mut Promises) {
    for file in files(&house().join("gdb-plugin"), ".py") {
        for line in read(&file).lines() {
            let line = line.trim_start();
            let usage = line.strip_prefix("Usage: ").unwrap_or(line);
            if let Some(word) = usage
                .strip_prefix("pw ")
                .and_then(|it| it.split(' ').next())
                && !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase())
            {
                into.insert(format!("pw {word}"));
            }
        }
    }
    let source = read(&house().join("kernel/src/debug/stub/monitor.rs"));
    for line in source.lines().filter(|line| line.contains("\\n\"")) {
        let word = line.trim_start().trim_start_matches('"');
        let word = word.split([' ', '\\']).next().unwrap_or_default();
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            into.insert(format!("monitor {word}"));
        }
    }
    let page = read(&house().join("docs/prompt.md"));
    for cell in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cell = cell.split(" | ").next().unwrap_or_default();
        let words = cell
            .split('`')
            .step_by(2)
            .filter(|word| word.starts_with(char::is_alphabetic));
        into.extend(words.map(|word| format!("prompt {word}")));
    }
}

fn verbs(into: &mut Promises) {
    for line in read(&house().join("Justfile")).lines() {
        let is_verb = line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.contains(":=");
        if let Some((head, _)) = line.split_once(':')
            && is_verb
        {
            let verb = head.split(' ').next().unwrap_or_default();
            into.insert(format!("just {verb}"));
        }
    }
}

/// A row's name is a string of words with dots between them.
fn bench_rows(into: &mut Promises) {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/figures");
    for file in files(&benches, ".rs") {
        let text = read(&file);
        let words = text.split('"').skip(1).step_by(2);
        into.extend(
            words
                .filter(|word| is_row(word))
                .map(|word| format!("bench {word}")),
        );
    }
}

fn is_row(word: &str) -> bool {
    const NOT_ROWS: [&str; 11] = [
        "romfs", "log", "img", "txt", "cfg", "vfat", "toml", "core", "elf", "json", "bin",
    ];
    let mut parts = word.split('.');
    let is_file = parts.next_back().is_some_and(|end| NOT_ROWS.contains(&end));
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
    word.contains('.') && !is_file && word.bytes().all(is_plain) && !word.starts_with('.')
}

/// All that is there today.
fn today() -> Promises {
    let mut found = Promises::new();
    let mut command = crate::command(&Arc::default());
    command.build();
    command_line(&command, &mut found);
    json(&mut found);
    exit_codes(&mut found);
    debugger(&mut found);
    verbs(&mut found);
    bench_rows(&mut found);
    found
}

#[test]
fn nothing_that_was_promised_has_vanished() {
    let today = today();
    let mut promised: Promises = fs::read_to_string(LIST)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    let vanished: Vec<&String> = promised.difference(&today).collect();
    assert!(vanished.is_empty(), "promised, and gone: {vanished:#?}");
    if std::env::var_os("UPDATE").is_some() {
        promised.extend(today);
        let lines: Vec<String> = promised.iter().map(|line| format!("{line}\n")).collect();
        fs::write(LIST, lines.concat()).expect("the list can be written");
    }
    for (kind, least) in [
        ("command ", 40),
        ("option ", 200),
        ("json ", 150),
        ("exit ", 5),
        ("pw ", 10),
        ("monitor ", 6),
        ("prompt ", 12),
        ("just ", 20),
        ("bench ", 25),
    ] {
        let count = promised
            .iter()
            .filter(|line| line.starts_with(kind))
            .count();
        assert!(
            count >= least,
            "only {count} lines of `{kind}` in promises.txt"
        );
    }
}
