//! Verbosity and colour of stderr, set once before a command runs.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use clap::builder::FalseyValueParser;
use clap::{ColorChoice, ValueEnum};

/// Options of every command.
#[derive(clap::Args)]
pub struct VerbosityArgs {
    /// Colour: on terminals, always, or never; NO_COLOR disables it
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Print only warnings and errors on stderr
    #[arg(short, long, conflicts_with = "verbose", value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Print which settings were used, and how inputs were interpreted
    #[arg(short, long, value_parser = FalseyValueParser::new())]
    pub verbose: bool,
}

/// Level of notes on stderr: quiet, normal or verbose; set once, before the command runs.
static VOICE: AtomicU8 = AtomicU8::new(NORMAL);
const NORMAL: u8 = 0;
const QUIET: u8 = 1;
const VERBOSE: u8 = 2;

/// Whether stderr is coloured.
static IS_COLOURED: AtomicBool = AtomicBool::new(false);

/// Applies the options of the command line.
pub fn begin(verbosity: &VerbosityArgs) {
    let volume = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => QUIET,
        (_, true) => VERBOSE,
        _ => NORMAL,
    };
    VOICE.store(volume, Ordering::Relaxed);
    let is_coloured = match verbosity.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => io::stderr().is_terminal() && !is_colour_refused(),
    };
    IS_COLOURED.store(is_coloured, Ordering::Relaxed);
    #[cfg(feature = "full")]
    match verbosity.color {
        ColorChoice::Always => ratatui::crossterm::style::force_color_output(true),
        ColorChoice::Never => ratatui::crossterm::style::force_color_output(false),
        // It checks NO_COLOR itself.
        ColorChoice::Auto => {}
    }
}

/// Whether colour is disabled for every program: <https://no-color.org>, and a terminal without colours.
fn is_colour_refused() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether the error of a wrong command line is in colour: it is reported before the options are parsed.
pub fn early_color() -> ColorChoice {
    let said = |word: &str| -> Option<ColorChoice> { ColorChoice::from_str(word, true).ok() };
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let by_option = words.iter().enumerate().rev().find_map(|(at, word)| {
        let rest = word.strip_prefix("--color")?;
        match rest.strip_prefix('=') {
            Some(value) => said(value),
            None => said(words.get(at + 1)?),
        }
    });
    let by_variable = || said(&std::env::var("PAGEWALK_COLOR").ok()?);
    by_option.or_else(by_variable).unwrap_or(ColorChoice::Auto)
}

/// Whether progress and notes are left out.
pub fn is_quiet() -> bool {
    VOICE.load(Ordering::Relaxed) == QUIET
}

/// Whether details are printed.
pub fn is_verbose() -> bool {
    VOICE.load(Ordering::Relaxed) == VERBOSE
}

/// Whether stderr is coloured.
pub fn is_coloured() -> bool {
    IS_COLOURED.load(Ordering::Relaxed)
}
