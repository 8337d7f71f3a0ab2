//! Adds the common options and settings to every command.
//!
//! The type of an option decides: a line or board may be one from the settings; an option with a `PAGEWALK_…`
//! variable takes its default from it, or from the settings. A new command needs no code for this.

use std::any::TypeId;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::sync::Arc;

use boards::Board;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use crate::format::Format;
#[cfg(feature = "full")]
use crate::settings::SettingError;
use crate::settings::{BOARD, LINE, Settings};

/// Variables of the options that every command has.
const COMMON: [(&str, &str); 3] = [
    ("color", "PAGEWALK_COLOR"),
    ("quiet", "PAGEWALK_QUIET"),
    ("verbose", "PAGEWALK_VERBOSE"),
];

/// Adds the common options to a command and its subcommands.
pub fn add(command: Command, settings: &Arc<Settings>) -> Command {
    let mut command = command;
    for (id, variable) in COMMON {
        command = command.mut_arg(id, |arg| {
            let arg = arg.global(true).help_heading("Options of every command");
            with_default(arg, variable, settings)
        });
    }
    let common: Vec<Arg> = command
        .get_arguments()
        .filter(|arg| COMMON.iter().any(|(id, _)| arg.get_id() == id))
        .map(|arg| arg.clone().hide(true))
        .collect();
    command.mut_subcommands(|below| add_below(below, &common, settings))
}

/// Only the program's own help lists the common options.
fn add_below(command: Command, common: &[Arg], settings: &Arc<Settings>) -> Command {
    let mut has_line = false;
    let command = command.mut_args(|arg| with_settings(arg, settings, &mut has_line));
    let has_board = command.get_arguments().any(|arg| arg.get_id() == "board");
    let command = match has_line && !has_board {
        true => command.arg(line_board(settings)),
        false => command,
    };
    let command = match settings.names_memory() {
        true => command,
        false => with_memory_of_line(command, settings),
    };
    command
        .args(common)
        .mut_subcommands(|below| add_below(below, common, settings))
}

/// The options that name memory, of which one is required: `--from` and the others.
const MEMORY: &str = "MemoryArgs";

/// `--from` has the line of the settings for its default. Beside a file that is named it would be a second source of
/// memory, so this is for a command line that names none.
fn with_memory_of_line(command: Command, settings: &Settings) -> Command {
    let has_memory = command.get_groups().any(|group| group.get_id() == MEMORY);
    let is_set = settings.default_of(LINE).is_some() || std::env::var_os(LINE).is_some();
    match has_memory && is_set {
        true => command
            .mut_arg("from", |arg| with_default(arg, LINE, settings))
            .mut_group(MEMORY, |group| group.required(false)),
        false => command,
    }
}

/// Gives a parser that stands apart from the command line, the bridge's, the boards and lines of the settings.
#[cfg(feature = "full")]
pub fn add_boards(command: Command, settings: &Arc<Settings>) -> Command {
    let is_board = |arg: &Arg| {
        let kind = arg.get_value_parser().type_id();
        kind == TypeId::of::<Board>() || kind == TypeId::of::<link::memory::MemorySpec>()
    };
    command
        .mut_args(|arg| match is_board(&arg) {
            true => with_settings(arg, settings, &mut false),
            false => arg,
        })
        .mut_subcommands(|below| add_boards(below, settings))
}

fn with_settings(arg: Arg, settings: &Arc<Settings>, has_line: &mut bool) -> Arg {
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<Board>() {
        return with_default(board(arg, settings), BOARD, settings);
    }
    if kind == TypeId::of::<String>() && arg.get_id() == "board" {
        let of = settings.clone();
        let read = move |word: &str| Ok::<_, Infallible>(of.board_word(word));
        let arg = listed(arg, read, settings.board_names());
        return with_default(arg, BOARD, settings);
    }
    if kind == TypeId::of::<Format>() {
        return with_default(arg, "PAGEWALK_FORMAT", settings);
    }
    line(arg, settings, has_line)
}

/// Sets the default of an option from its variable or the settings; then it is not required.
fn with_default(arg: Arg, variable: &'static str, settings: &Settings) -> Arg {
    let arg = arg.env(variable).hide_env(true);
    match settings.default_of(variable) {
        Some(value) => arg.default_value(value).required(false),
        None => arg,
    }
}

fn board(arg: Arg, settings: &Arc<Settings>) -> Arg {
    let of = settings.clone();
    let read = move |word: &str| of.board(word);
    listed(arg, read, settings.board_names())
}

/// Offers names for completion; other values, such as files, are accepted too.
fn listed(arg: Arg, read: impl TypedValueParser, names: Vec<String>) -> Arg {
    arg.value_parser(ListedParser { read, names })
        .hide_possible_values(true)
}

/// A value parser with names for completion.
#[derive(Clone)]
struct ListedParser<P> {
    read: P,
    names: Vec<String>,
}

impl<P: TypedValueParser> TypedValueParser for ListedParser<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<P::Value, clap::Error> {
        self.read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(PossibleValue::new)))
    }
}

/// The option for the board on a line, for a command without `--board`.
fn line_board(settings: &Arc<Settings>) -> Arg {
    let arg = Arg::new("board")
        .long("board")
        .value_name("NAME|FILE")
        .help("The board on the line: its baud, where the line has none");
    with_default(board(arg, settings), BOARD, settings)
}

/// Parses the value of a line option.
#[cfg(feature = "full")]
fn line(arg: Arg, settings: &Arc<Settings>, has_line: &mut bool) -> Arg {
    use link::memory::MemorySpec;
    use link::transport::Spec;

    use crate::doctor::DoctorLine;

    let kind = arg.get_value_parser().type_id();
    let settings = settings.clone();
    if kind == TypeId::of::<Spec>() {
        *has_line = true;
        let read = {
            let settings = settings.clone();
            move |word: &str| -> Result<Spec, SettingError> {
                let spec = settings.line(word)?.parse::<Spec>();
                spec.map_err(|wrong| SettingError::Form(wrong.to_string()))
            }
        };
        return with_default(arg.value_parser(read), LINE, &settings);
    }
    if kind == TypeId::of::<DoctorLine>() {
        *has_line = true;
        let read = {
            let settings = settings.clone();
            move |word: &str| DoctorLine::of(word, &settings)
        };
        return with_default(arg.value_parser(read), LINE, &settings);
    }
    if kind == TypeId::of::<MemorySpec>() {
        *has_line = true;
        return arg.value_parser(move |word: &str| -> Result<MemorySpec, SettingError> {
            let spec = settings.line(word)?.parse::<MemorySpec>();
            spec.map_err(|wrong| SettingError::Form(wrong.to_string()))
        });
    }
    if kind == TypeId::of::<pagetable::Mode>() {
        let names = pagetable::Mode::ALL
            .iter()
            .map(|mode| mode.name().to_owned());
        return listed(arg, crate::tables::mode, names.collect());
    }
    arg
}

#[cfg(not(feature = "full"))]
fn line(arg: Arg, _: &Arc<Settings>, _: &mut bool) -> Arg {
    arg
}
