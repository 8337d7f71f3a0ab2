//! `pagewalk dash`: faults, tasks and address spaces of a running board.
//!
//! On a terminal it draws; otherwise it prints one line per fault; with `--web` it serves a page to browsers
//! on this machine.

#[cfg(feature = "web")]
mod connections;
pub mod event_source;
mod keys;
mod lines;
mod term;
#[cfg(feature = "web")]
mod web;

use std::io::{self, IsTerminal};

use event_source::SourceOptions;
use link::transport::Spec;
use model::Live;

/// Show a running board: faults by cause and time, tasks, address spaces, losses.
///
/// A serial port or socket that is absent, or is lost, is waited for.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk dash /dev/ttyUSB0@2000000
  pagewalk dash tcp://localhost:3334 --web
  pagewalk dash run.pwlog@10x
  pagewalk dash qemu --type 'pace_test 50 &'
  pagewalk dash /dev/ttyUSB0@2000000 --silent | grep Store
In the terminal, ? lists the keys.")]
pub struct DashArgs {
    /// The board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, or a recording:
    /// RUN.pwlog, RUN.pwlog@10x
    #[arg(value_name = "SPEC")]
    line: Spec,
    /// Send nothing to the board, which need not run Pagewalk; its output is shown
    #[arg(long)]
    silent: bool,
    /// End when the line is lost, and at once if it is absent, instead of waiting for it; a board that does
    /// not answer in time is an error
    #[arg(long)]
    once: bool,
    /// Type this command at the board's shell first; may be repeated
    #[arg(long = "type", value_name = "COMMAND", conflicts_with = "silent")]
    typed: Vec<String>,
    /// Serve a page to browsers on this machine instead
    #[arg(long, hide = cfg!(not(feature = "web")))]
    web: bool,
    /// Port of the page; 0 selects a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080, requires = "web", hide = cfg!(not(feature = "web")))]
    port: u16,
}

/// Runs until the line ends or the user quits.
pub fn run(args: DashArgs) -> anyhow::Result<()> {
    #[cfg(not(feature = "web"))]
    if args.web {
        let port = args.port;
        anyhow::bail!(
            "no page on port {port}: this pagewalk was built without it; \
             cargo build -p cli --features web"
        );
    }
    let mut feed = event_source::start(
        &args.line,
        SourceOptions {
            silent: args.silent,
            once: args.once,
            typed: args.typed,
            record: None,
        },
    )?;
    let name = args.line.to_string();
    #[cfg(feature = "web")]
    if args.web {
        return web::serve(&name, feed.take(), args.port);
    }
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return term::run(&name, feed.take());
    }
    lines::print(&name, feed.take())
}

/// A line that failed is an error, in whatever way the view ended.
fn end(live: &Live) -> anyhow::Result<()> {
    match &live.trouble {
        Some(trouble) if live.ended => anyhow::bail!("{trouble}"),
        _ => Ok(()),
    }
}

/// Replays a recording as a source.
pub fn replay(spec: &Spec) -> anyhow::Result<()> {
    let mut feed = event_source::start(spec, SourceOptions::default())?;
    lines::print(&spec.to_string(), feed.take())
}
