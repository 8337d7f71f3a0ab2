//! `pagewalk record`: records a board's output with times.
//!
//! ```text
//! $ pagewalk record /dev/ttyUSB0@2000000 run.pwlog
//! run.pwlog: recording; Ctrl-C ends it
//! ```

use std::io::{self, IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use link::recording::{RawFile, RecordingSink, Writer};
use link::transport::Spec;
use model::Live;
use view::words::{RoundSize, counted};

use crate::dash::event_source::{self, Questions, SourceOptions};
use crate::{ending, size, verbosity};

/// Interval at which the stop flag is checked.
const LOOK: Duration = Duration::from_millis(100);
/// Interval at which the line of progress changes.
const EACH: Duration = Duration::from_millis(250);

/// Record a board's output with times in a file, for `pagewalk replay`, `dash` and `faults`.
///
/// A Pagewalk board is also asked for its tasks and their tables: `ps`, `satp`, `walk` and `map` accept the
/// recording and show its last answers. A serial port or socket that is absent, or is lost, is waited for.
/// The file is only appended to: after any interruption it is readable up to the last second. On a
/// terminal, a line shows what it has so far.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk record /dev/ttyUSB0@2000000 run.pwlog
  pagewalk record tcp://localhost:3334 run.pwlog
  pagewalk record qemu run.pwlog --type 'pace_test 50 &'
  pagewalk record /dev/ttyUSB0@2000000 run.pwlog --silent --rotate 64M
  pagewalk faults run.pwlog
  pagewalk map --from run.pwlog --task 2
  pagewalk replay run.pwlog --speed 10x")]
pub struct RecordArgs {
    /// The line: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, qemu:IMAGE
    #[arg(value_name = "SPEC")]
    line: Spec,
    /// The recording; an existing one is appended to
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// End when the line is lost, and at once if it is absent, instead of waiting for it; a board that does
    /// not answer in time is an error
    #[arg(long)]
    once: bool,
    /// Send nothing to the board, which need not run Pagewalk; its faults are recorded as text, if it prints
    /// them
    #[arg(long)]
    silent: bool,
    /// Type this command at the board's shell first; may be repeated
    #[arg(long = "type", value_name = "COMMAND", conflicts_with = "silent")]
    typed: Vec<String>,
    /// When FILE has this size, go on in a new one; the old one becomes FILE.1.pwlog and so on
    #[arg(long, value_name = "BYTES", value_parser = size::bytes)]
    rotate: Option<u64>,
}

/// Records until the line ends for good, or Ctrl-C.
pub fn run(args: RecordArgs) -> anyhow::Result<()> {
    let failed = Arc::new(Mutex::new(None));
    let writer = Arc::new(Mutex::new(open_timed(&args.to, args.rotate)?));
    let wishes = SourceOptions {
        questions: Questions::TasksAndTables,
        silent: args.silent,
        once: args.once,
        typed: args.typed,
        record: Some(Box::new(Watched {
            writer: Arc::clone(&writer),
            failed: Arc::clone(&failed),
        })),
        notes: None,
    };
    // Ends the session, so that the board's line becomes plain.
    let stop = ending::watch();
    let mut feed = event_source::start(&args.line, wishes)?;
    let updates = feed.take();
    eprintln!("{}: recording; Ctrl-C ends it", args.to.display());
    let mut live = Live::default();
    let mut progress = Progress::new(&args.to);
    let has_failed = || failed.lock().is_ok_and(|failed| failed.is_some());
    while !live.ended && !stop.load(Ordering::Relaxed) && !has_failed() {
        progress.show(&live, &writer);
        match updates.recv_timeout(LOOK) {
            Ok(update) => {
                // Printed at once, because the user watches this terminal.
                if let Some(what) = event_source::notice(&update) {
                    progress.clear();
                    eprintln!("note: {}: {what}", args.line);
                }
                live.apply(update);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // The receiver is closed: the sender must not block on it.
    drop(updates);
    drop(feed);
    progress.clear();
    // The last second; an error of the thread that writes is returned here too.
    lock(&writer).sync().context("the recording has ended")?;
    if live.ended {
        eprintln!("note: {}: the line has ended", args.line);
    }
    let received = counted(live.received(), "fault", "faults");
    eprintln!("note: {received}, {} lost", live.lost());
    if let Some(error) = failed.lock().ok().and_then(|mut failed| failed.take()) {
        return Err(error).context("the recording has ended");
    }
    match live.trouble {
        Some(trouble) if live.ended => bail!("{}: {trouble}", args.line),
        _ => Ok(()),
    }
}

/// Opens the file for both directions of a line: with times if its name ends in .pwlog, otherwise raw board
/// output.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn RecordingSink>> {
    if path
        .extension()
        .is_some_and(|extension| extension == "pwlog")
    {
        return Ok(Box::new(open_timed(path, None)?));
    }
    Ok(Box::new(RawFile::append(path)?))
}

/// A recording; an error of it ends the command, since the file itself is not watched.
struct Watched {
    writer: Arc<Mutex<Writer>>,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Watched {
    fn watch(&mut self, kept: io::Result<()>) -> io::Result<()> {
        kept.inspect_err(|error| {
            let copy = io::Error::new(error.kind(), error.to_string());
            if let Ok(mut failed) = self.failed.lock() {
                failed.get_or_insert(copy);
            }
        })
    }
}

impl RecordingSink for Watched {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        let kept = lock(&self.writer).received(bytes);
        self.watch(kept)
    }

    fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        let kept = lock(&self.writer).sent(bytes);
        self.watch(kept)
    }
}

/// What the recording has so far, on one line of a terminal.
struct Progress {
    name: String,
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl Progress {
    fn new(path: &Path) -> Progress {
        let is_shown = stderr().is_terminal() && !verbosity::is_quiet();
        Progress {
            name: path.display().to_string(),
            bar: is_shown.then(ProgressBar::no_length),
            shown: Instant::now(),
        }
    }

    fn show(&mut self, live: &Live, writer: &Mutex<Writer>) {
        let Some(bar) = &self.bar else {
            return;
        };
        if self.shown.elapsed() < EACH {
            return;
        }
        self.shown = Instant::now();
        let (bytes, _) = lock(writer).progress();
        let mut line = format!(
            "{}: {}, {}",
            self.name,
            counted(live.received(), "fault", "faults"),
            RoundSize(bytes.into())
        );
        if live.lost() > 0 {
            line += &format!(", {} lost", live.lost());
        }
        if live.boots() > 1 {
            line += &format!(", {} boots", live.boots());
        }
        if let Some(trouble) = &live.trouble {
            line += &format!("; {trouble}");
        }
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        bar.set_message(line);
        bar.tick();
    }

    /// Removes the line; the next call shows it again.
    fn clear(&self) {
        if let Some(bar) = &self.bar {
            // `finish_and_clear` would be for good.
            bar.set_message("");
            bar.suspend(|| {});
        }
    }
}

fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_timed(path: &Path, rotate: Option<u64>) -> anyhow::Result<Writer> {
    let name = path.display();
    let writer = match rotate {
        Some(bytes) => Writer::append_rotated(path, bytes)?,
        None => Writer::append(path)?,
    };
    if writer.dropped() > 0 {
        let dropped = counted(writer.dropped(), "byte", "bytes");
        eprintln!("warning: {name}: was cut off; {dropped} of an unfinished part gone");
    }
    Ok(writer)
}
