//! The pagewalk program: one file per subcommand.
//!
//! To add a subcommand: a file with its `…Args` and `run`, its `mod` line, and its row in `commands!`; one
//! that reads page tables has its rows in `tables_command.rs`. Every subcommand writes results to stdout,
//! notes and warnings to stderr; exit code 0 for a result, 1 for an error, 2 for a command line that makes no
//! sense; a closed pipe is a normal end.
//!
//! Without the feature `full` only the commands for cards are built: a fraction of the crates, so that a
//! fresh clone makes a card soon.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser};
#[cfg(feature = "full")]
use link::transport::child;

/// The standard library's macro panics if stderr is closed, as in `2>&1 | head`. A reader that has read
/// enough is not an error: this one ignores it.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::note(format_args!("{}\n", format_args!($($text)*))) };
}
/// [`eprintln!`] without a newline.
macro_rules! eprint {
    ($($text:tt)*) => { $crate::output::ask(format_args!($($text)*)) };
}
/// Prints with `-v` only: how inputs were interpreted.
macro_rules! detail {
    ($($text:tt)*) => { $crate::output::detail(format_args!($($text)*)) };
}

#[cfg(feature = "full")]
mod board;
mod board_command;
mod board_file;
#[cfg(feature = "full")]
mod bridge;
#[cfg(feature = "full")]
mod chart;
#[cfg(feature = "export")]
mod collect;
mod common_options;
#[cfg(feature = "full")]
mod completions;
#[cfg(feature = "full")]
mod connect;
#[cfg(feature = "full")]
mod core_hart;
#[cfg(feature = "full")]
mod dash;
#[cfg(feature = "full")]
mod decode;
#[cfg(feature = "full")]
mod diff;
#[cfg(feature = "full")]
mod doctor;
#[cfg(feature = "full")]
mod dump;
#[cfg(feature = "full")]
mod ending;
#[cfg(feature = "full")]
mod escapes;
mod exit;
#[cfg(feature = "full")]
mod explain;
#[cfg(feature = "export")]
mod export;
#[cfg(feature = "full")]
mod faults;
#[cfg(feature = "full")]
mod filter;
#[cfg(feature = "full")]
mod find;
mod flash;
mod format;
#[cfg(feature = "probe")]
mod hart;
mod image;
#[cfg(feature = "full")]
mod lint;
#[cfg(feature = "full")]
mod man;
#[cfg(feature = "full")]
mod map;
#[cfg(feature = "full")]
mod monitor;
mod output;
#[cfg(feature = "full")]
mod ox64;
#[cfg(feature = "full")]
mod printed_walk;
#[cfg(feature = "probe")]
mod probe;
mod progress;
// Of the whole program: another build has fewer commands.
#[cfg(all(test, feature = "web", feature = "probe", feature = "export"))]
mod promises;
#[cfg(feature = "full")]
mod ps;
#[cfg(feature = "full")]
mod pty;
#[cfg(feature = "full")]
mod raw_mode;
#[cfg(feature = "full")]
mod reconnect;
#[cfg(feature = "full")]
mod record;
#[cfg(feature = "export")]
mod recorded_faults;
#[cfg(feature = "full")]
mod recording;
#[cfg(feature = "full")]
mod recording_command;
#[cfg(all(test, feature = "web", feature = "probe", feature = "export"))]
mod reference;
#[cfg(feature = "full")]
mod replay;
#[cfg(feature = "export")]
mod report;
mod romfs;
#[cfg(feature = "full")]
mod roots;
#[cfg(feature = "full")]
mod satp;
mod settings;
mod size;
#[cfg(feature = "full")]
mod snapshot;
#[cfg(feature = "full")]
mod stats;
#[cfg(feature = "full")]
mod symbols;
#[cfg(feature = "full")]
mod tables;
#[cfg(feature = "full")]
mod tables_command;
mod verbosity;
mod version;
#[cfg(feature = "full")]
mod walk;
#[cfg(feature = "full")]
mod ws;

use settings::Settings;

/// Refers to the help section with the common options.
#[cfg(feature = "full")]
const ONCE: &str = "\
What is always the same stands in ~/.config/pagewalk.toml, or in PAGEWALK_BOARD, PAGEWALK_LINE,
PAGEWALK_FORMAT, PAGEWALK_COLOR, PAGEWALK_QUIET, PAGEWALK_VERBOSE: docs/reference/settings.md.";

/// Inspect a RISC-V board: page tables, page faults, images.
#[derive(Parser)]
#[command(name = "pagewalk", version, long_version = version::long(), max_term_width = 100)]
#[cfg_attr(feature = "full", command(after_help = version::after_help(ONCE)))]
#[cfg_attr(not(feature = "full"), command(after_help = exit::CARDS_ONLY))]
struct Cli {
    #[command(flatten)]
    verbosity: verbosity::VerbosityArgs,
    #[command(subcommand)]
    command: Command,
}

/// The whole command line, with the user's settings.
fn command(settings: &Arc<Settings>) -> clap::Command {
    common_options::add(Cli::command(), settings)
}

/// Each row is a subcommand: its name in the enum, and its file.
macro_rules! commands {
    ($($(#[$only:meta])* $name:ident => $file:ident::$args:ident,)*) => {
        #[derive(clap::Subcommand)]
        enum Command {
            #[cfg(feature = "full")]
            #[command(flatten)]
            Tables(tables_command::TablesCommand),
            $($(#[$only])* $name($file::$args),)*
            /// A command of the full build.
            #[cfg(not(feature = "full"))]
            #[command(external_subcommand)]
            Elsewhere(Vec<String>),
        }

        impl Command {
            fn run(self) -> anyhow::Result<()> {
                match self {
                    #[cfg(feature = "full")]
                    Command::Tables(command) => command.run(),
                    $($(#[$only])* Command::$name(args) => $file::run(args),)*
                    #[cfg(not(feature = "full"))]
                    Command::Elsewhere(words) => exit::elsewhere(&words),
                }
            }
        }
    };
}

commands! {
    #[cfg(feature = "full")]
    Decode => decode::DecodeArgs,
    #[cfg(feature = "full")]
    Satp => satp::SatpArgs,
    #[cfg(feature = "full")]
    Dump => dump::DumpArgs,
    #[cfg(feature = "probe")]
    Probe => probe::ProbeCommandArgs,
    #[cfg(feature = "full")]
    Faults => faults::FaultsArgs,
    #[cfg(feature = "full")]
    Explain => explain::ExplainArgs,
    Board => board_command::BoardArgs,
    Romfs => romfs::RomfsArgs,
    Image => image::ImageArgs,
    Flash => flash::FlashArgs,
    #[cfg(feature = "full")]
    Dash => dash::DashArgs,
    #[cfg(feature = "full")]
    Record => record::RecordArgs,
    #[cfg(feature = "full")]
    Recording => recording_command::RecordingArgs,
    #[cfg(feature = "export")]
    Export => export::ExportArgs,
    #[cfg(feature = "export")]
    Report => report::ReportArgs,
    #[cfg(feature = "export")]
    Collect => collect::CollectArgs,
    #[cfg(feature = "full")]
    Replay => replay::ReplayArgs,
    #[cfg(feature = "full")]
    Connect => connect::ConnectArgs,
    #[cfg(feature = "full")]
    Monitor => monitor::MonitorArgs,
    #[cfg(feature = "full")]
    Ox64 => ox64::Ox64Args,
    #[cfg(feature = "full")]
    Doctor => doctor::DoctorArgs,
    #[cfg(feature = "full")]
    Bridge => bridge::BridgeArgs,
    #[cfg(feature = "full")]
    Completions => completions::CompletionsArgs,
    #[cfg(feature = "full")]
    Man => man::ManArgs,
}

fn main() -> ExitCode {
    exit::limits_are_errors();
    #[cfg(feature = "full")]
    {
        let mut words = std::env::args_os().skip(1);
        if words.next().is_some_and(|word| word == child::VERB) {
            return exit::code(Err(child::become_child(words).into()));
        }
        child::enable();
    }
    exit::code(run())
}

fn run() -> anyhow::Result<()> {
    let settings = Arc::new(Settings::read(std::env::args_os().skip(1))?);
    let matches = command(&settings)
        .color(verbosity::early_color())
        .try_get_matches();
    let matches = match matches {
        Ok(matches) => matches,
        // The help or the version: an answer like any other, which a full disk can refuse.
        Err(asked) if !asked.use_stderr() => {
            asked.print()?;
            return Ok(std::io::Write::flush(&mut std::io::stdout())?);
        }
        Err(misuse) => misuse.exit(),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    verbosity::begin(&cli.verbosity);
    if let Some(file) = settings.file() {
        detail!("settings of {}", file.display());
    }
    cli.command.run()
}
