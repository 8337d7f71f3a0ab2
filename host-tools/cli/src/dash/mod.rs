//! `pagewalk dash`: faults, tasks and address spaces of a running board.
//!
//! On a terminal it draws; otherwise it prints one line per fault; with `--web` it serves a page to browsers
//! on this machine.

#[cfg(feature = "web")]
mod connections;
pub mod event_source;
mod keys;
mod lines;
mod notes;
mod term;
#[cfg(feature = "web")]
mod web;

use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::PathBuf;

use event_source::{EventSource, Questions, SourceOptions};
use link::recording::Writer;
use link::transport::Spec;
use model::Live;

use crate::exit::UsageError;
#[cfg(feature = "web")]
use crate::symbols::Programs;

/// Show a running board: faults by cause and time, tasks, address spaces, losses.
///
/// A serial port or socket that is absent, or is lost, is waited for.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk dash /dev/ttyUSB0@2000000
  pagewalk dash tcp://localhost:3334 --web
  pagewalk dash /dev/ttyUSB0@2000000 /dev/ttyUSB1@2000000 --web
  pagewalk dash run.pwlog@max --web --elf hello
  pagewalk dash run.pwlog@10x
  pagewalk dash /dev/ttyUSB0@2000000 --record run.pwlog
  pagewalk dash qemu --type 'pace_test 50 &'
  pagewalk dash /dev/ttyUSB0@2000000 --silent | grep Store
In the terminal, ? lists the keys.")]
pub struct DashArgs {
    /// The board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, or a recording:
    /// RUN.pwlog, RUN.pwlog@10x
    ///
    /// With --web there may be several: the page has a tab for each, and their sum.
    #[arg(id = "line", value_name = "SPEC", required = true)]
    lines: Vec<Spec>,
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
    /// Record both directions of the line too; an existing recording is appended to. Notes that are set in the view
    /// are kept in it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Serve a page to browsers on this machine instead
    #[arg(long, hide = cfg!(not(feature = "web")))]
    web: bool,
    /// Port of the page; 0 selects a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080, requires = "web", hide = cfg!(not(feature = "web")))]
    port: u16,
    /// Serve the page to other machines too, at this address of this machine; the address that is printed
    /// holds a token, and only requests with it are answered
    #[arg(long, value_name = "ADDRESS", requires = "web", hide = cfg!(not(feature = "web")))]
    listen: Option<IpAddr>,
    /// ELF files of the programs that run: faults get names of functions and lines of source. For the page
    #[arg(long, value_name = "FILE", requires = "web", hide = cfg!(not(feature = "web")))]
    elf: Vec<PathBuf>,
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
    #[cfg(feature = "web")]
    if args.web {
        return serve(args);
    }
    let [line] = &args.lines[..] else {
        return Err(UsageError(format!(
            "{} boards at once need --web; on a terminal there is one",
            args.lines.len()
        ))
        .into());
    };
    let mut feed = open(line, args.typed.clone(), &args)?;
    let name = line.to_string();
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        let notes = feed.take_notes();
        return term::run(&name, feed.take(), notes);
    }
    lines::print(&name, feed.take())
}

fn open(line: &Spec, typed: Vec<String>, args: &DashArgs) -> anyhow::Result<EventSource> {
    let mut options = SourceOptions {
        questions: Questions::TasksAndTables,
        silent: args.silent,
        once: args.once,
        typed,
        ..SourceOptions::default()
    };
    if let Some(path) = &args.record {
        if matches!(line, Spec::Recording(..)) {
            let what = format!("{line} is a recording already; --record is for a board's line");
            return Err(UsageError(what).into());
        }
        let writer = Writer::append(path)?;
        options.notes = Some(writer.notes());
        options.record = Some(Box::new(writer));
    }
    event_source::start(line, options)
}

#[cfg(feature = "web")]
fn serve(args: DashArgs) -> anyhow::Result<()> {
    if let (Some(path), [_, _, ..]) = (&args.record, &args.lines[..]) {
        return Err(UsageError(format!(
            "--record {} has room for one line; `pagewalk collect` records several",
            path.display()
        ))
        .into());
    }
    let programs = Programs::with_lines(&args.elf)?;
    let mut feeds = Vec::new();
    for line in &args.lines {
        let feed = open(line, args.typed.clone(), &args)?;
        // Its speed is no part of what other commands call a recording.
        let name = match line {
            Spec::Recording(path, _) => path.display().to_string(),
            line => line.to_string(),
        };
        feeds.push((name, feed));
    }
    let boards = feeds.iter_mut().map(|(name, feed)| web::BoardFeed {
        name: name.clone(),
        notes: feed.take_notes(),
        updates: feed.take(),
    });
    let options = web::PageOptions {
        port: args.port,
        listen: args.listen,
        programs,
    };
    web::serve(boards.collect(), options)
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
