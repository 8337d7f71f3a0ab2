//! The pagewalk program: one file per subcommand.
//!
//! To add a subcommand: a file with `Args` and `run`, its `mod` line, and its row
//! in `commands!`. What a subcommand promises everywhere: answers on stdout,
//! remarks on stderr; exit code 0 for an answer, 1 for an error, 2 for a command
//! line that makes no sense; a closed pipe is a normal end.

use std::process::ExitCode;

use clap::Parser;

mod board;
mod bridge;
mod chart;
mod completions;
mod connect;
mod dash;
mod decode;
mod diff;
mod exit;
mod explain;
mod faults;
mod filter;
mod find;
mod flash;
mod format;
#[cfg(feature = "probe")]
mod hart;
mod image;
mod lint;
mod map;
mod monitor;
mod output;
#[cfg(feature = "probe")]
mod probe;
mod progress;
mod ps;
mod pty;
mod record;
mod recording;
mod replay;
mod romfs;
mod satp;
mod snapshot;
mod stats;
mod symbols;
mod tables;
mod walk;
mod ws;

/// Look into a RISC-V board: page tables, page faults, images.
#[derive(Parser)]
#[command(name = "pagewalk", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Each row is a subcommand: its name in the enum, and the file it lives in.
macro_rules! commands {
    ($($(#[$only:meta])* $name:ident => $file:ident,)*) => {
        #[derive(clap::Subcommand)]
        enum Command {
            $($(#[$only])* $name($file::Args),)*
        }

        impl Command {
            fn run(self) -> anyhow::Result<()> {
                match self {
                    $($(#[$only])* Command::$name(args) => $file::run(args),)*
                }
            }
        }
    };
}

commands! {
    Decode => decode,
    Walk => walk,
    Map => map,
    Find => find,
    Diff => diff,
    Lint => lint,
    Stats => stats,
    Ws => ws,
    Snapshot => snapshot,
    Satp => satp,
    Ps => ps,
    #[cfg(feature = "probe")]
    Probe => probe,
    Faults => faults,
    Explain => explain,
    Chart => chart,
    Romfs => romfs,
    Image => image,
    Flash => flash,
    Dash => dash,
    Record => record,
    Replay => replay,
    Connect => connect,
    Monitor => monitor,
    Bridge => bridge,
    Completions => completions,
}

fn main() -> ExitCode {
    exit::code(Cli::parse().command.run())
}
