//! `docs/reference/commands.md`, written from the command line itself: a test holds the page to it.
//!
//! `just reference` writes it again.

use std::path::Path;
use std::sync::Arc;

use clap::{Arg, Command};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/commands.md"
);

const HEAD: &str = "\
# Commands

Written by `just reference` from the same words as the help. Answers are on stdout, notes and warnings on stderr. The exit code is 0 for an
answer, 1 for an error, 2 for a command line that makes no sense.
";

/// The page as it is to be.
fn page() -> String {
    let mut command = crate::command(&Arc::default());
    command.build();
    let mut page = HEAD.to_owned();
    section(&command, &mut page);
    page
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let name = name.replace('-', " ");
    // `swap-kernel` is one word, `image-swap-kernel` three.
    let name = command.get_bin_name().unwrap_or(&name);
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    *page += &format!(
        "\n## `{name}`\n\n{}\n\n```text\n{usage}\n```\n",
        prose(&about)
    );
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version")
        .collect();
    if !shown.is_empty() {
        *page += "\n| | |\n|---|---|\n";
        for arg in shown {
            *page += &format!("| `{}` | {} |\n", cell(&spelling(arg)), cell(&meaning(arg)));
        }
    }
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        *page += &format!("\n```text\n{}\n```\n", after.to_string().trim_end());
    }
    let below = command.get_subcommands();
    for below in below.filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        section(below, page);
    }
}

/// `-o, --output FILE`.
fn spelling(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let values = arg.get_value_names().unwrap_or_default();
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    let value = match (takes_value, values.is_empty()) {
        (false, _) => String::new(),
        (true, true) => format!(" {}", arg.get_id().as_str().to_uppercase()),
        (true, false) => format!(" {}", values.join(" ")),
    };
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    format!("{}{value}", names.join(", "))
        .trim_start()
        .to_owned()
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = prose(&help.map(ToString::to_string).unwrap_or_default());
    let possible: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !arg.is_hide_possible_values_set() && arg.get_action().takes_values() && !possible.is_empty()
    {
        text += &format!(". One of {}", possible.join(", "));
    }
    let default: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if !arg.is_hide_default_value_set() && arg.get_action().takes_values() && !default.is_empty() {
        text += &format!(". Default: {}", default.join(", "));
    }
    text
}

/// Lines are joined, paragraphs kept; what Markdown would take for a tag is text.
fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ").replace('<', "\\<")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// In a table a line is a row, and `|` is its border.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('|', "\\|")
}

#[test]
fn the_page_of_commands_is_what_the_program_takes() {
    let today = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &today).expect("the page can be written");
    }
    let written = std::fs::read_to_string(Path::new(PAGE)).unwrap_or_default();
    assert!(
        written == today,
        "docs/reference/commands.md is not what the program takes: `just reference` writes it"
    );
}

/// No line of help offers what this build has not.
#[test]
fn every_command_of_the_program_is_on_the_page() {
    let today = page();
    for command in crate::command(&Arc::default()).get_subcommands() {
        let heading = format!("\n## `pagewalk {}`\n", command.get_name());
        assert!(today.contains(&heading), "{heading}");
    }
}
