//! A run of the machine: its console, lines that are typed, a trace, a debugger.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::MutexGuard;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::Context;
use machine::{CYCLES, Stop, StrictMachine, Traced};

use super::Ox64Args;
use super::debug_port::{DebugPort, GoOn, SharedMachine, lock};
use super::gdb::GdbPort;
#[cfg(feature = "probe")]
use super::jtag::JtagPort;
use super::serial::SerialEnd;
use crate::exit::UsageError;
use crate::raw_mode::LEAVE;

/// What our shell says when it waits for a line.
const PROMPT: &str = "pw> ";
/// Instructions between two looks at the terminal: a few milliseconds.
const PIECE: u64 = 200_000;
/// How long a sleeping board keeps a debugger waiting at most.
const LOOK: Duration = Duration::from_millis(50);
/// How often the keys of a halted board are looked at.
const HALTED: Duration = Duration::from_millis(1);

pub enum End {
    /// What was waited for was said, or the user left.
    Done,
    /// As many instructions were executed as the limit allows.
    Limit,
    /// The firmware stopped the hart.
    Halted,
    /// It sleeps, and nothing will come.
    Asleep,
}

enum Slept {
    Awake,
    Left,
    ForEver,
}

/// What the board has said, as far as a session cares.
enum Seen {
    /// What it was run for.
    Wanted,
    /// A prompt, and a line was typed.
    Prompt,
    Nothing,
}

/// Opens its port, and says where.
fn debugger(
    args: &Ox64Args,
    machine: &SharedMachine,
) -> anyhow::Result<Option<Box<dyn DebugPort>>> {
    if let Some(port) = args.gdb {
        let gdb = GdbPort::open(port, machine).with_context(|| format!("port {port}"))?;
        eprintln!("gdb       target remote localhost:{}\r", gdb.port()?);
        return Ok(Some(Box::new(gdb)));
    }
    #[cfg(feature = "probe")]
    if let Some(port) = args.jtag {
        let jtag = JtagPort::open(port, machine).with_context(|| format!("port {port}"))?;
        eprintln!("jtag      bitbang://localhost:{}\r", jtag.port()?);
        return Ok(Some(Box::new(jtag)));
    }
    Ok(None)
}

/// The file of `--trace`, with its header.
pub fn trace_file(args: &Ox64Args) -> anyhow::Result<Option<BufWriter<File>>> {
    let Some(path) = &args.trace else {
        return Ok(None);
    };
    if args.card.as_ref() == Some(path) {
        return Err(UsageError(format!("{} is the card", path.display())).into());
    }
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut file = BufWriter::new(file);
    let header = writeln!(file, "{}", Traced::HEADER).and_then(|()| file.flush());
    header.with_context(|| path.display().to_string())?;
    Ok(Some(file))
}

pub struct BoardRun<'a> {
    args: &'a Ox64Args,
    machine: SharedMachine,
    lines: VecDeque<&'a str>,
    line: SerialEnd,
    trace: Option<BufWriter<File>>,
    debugger: Option<Box<dyn DebugPort>>,
    /// What was said since the last line was typed, its end at least.
    lately: String,
}

impl<'a> BoardRun<'a> {
    pub fn new(
        args: &'a Ox64Args,
        machine: &SharedMachine,
        line: SerialEnd,
        trace: Option<BufWriter<File>>,
    ) -> anyhow::Result<BoardRun<'a>> {
        let session = BoardRun {
            args,
            machine: machine.clone(),
            lines: args.lines.iter().map(String::as_str).collect(),
            line,
            trace,
            debugger: debugger(args, machine)?,
            lately: String::from_utf8_lossy(lock(machine).recent_output()).into_owned(),
        };
        if session.trace.is_some() {
            lock(machine).trace.begin();
        }
        Ok(session)
    }

    pub fn run(mut self) -> anyhow::Result<End> {
        let limit = self.args.limit();
        loop {
            let left = limit.saturating_sub(self.machine().attempts());
            let stop = self.run_piece(PIECE.min(left));
            self.write_trace()?;
            match self.show()? {
                Seen::Wanted => return Ok(End::Done),
                // It may have woken the board.
                Seen::Prompt => continue,
                Seen::Nothing => {}
            }
            if self.typed() {
                return Ok(End::Done);
            }
            match stop {
                Stop::Halted => return Ok(End::Halted),
                Stop::Limit if left <= PIECE => return Ok(End::Limit),
                Stop::Limit | Stop::Breakpoint => {}
                Stop::Sleeping(until) => match self.sleep(until) {
                    Slept::Awake => {}
                    Slept::Left => return Ok(End::Done),
                    Slept::ForEver => return Ok(End::Asleep),
                },
            }
        }
    }

    fn machine(&self) -> MutexGuard<'_, StrictMachine> {
        lock(&self.machine)
    }

    /// As far as a debugger lets it.
    fn run_piece(&mut self, instructions: u64) -> Stop {
        let Some(debugger) = &mut self.debugger else {
            return self.machine().run(instructions);
        };
        let go_on = debugger.serve();
        let stop = match go_on {
            GoOn::Freely => lock(&self.machine).run(instructions),
            GoOn::Step => lock(&self.machine).run(1),
            GoOn::Not => {
                std::thread::sleep(HALTED);
                return Stop::Breakpoint;
            }
        };
        if go_on == GoOn::Step || stop == Stop::Breakpoint {
            debugger.stopped();
        }
        stop
    }

    fn write_trace(&mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.trace {
            for traced in lock(&self.machine).trace.take() {
                writeln!(file, "{traced}").context("the trace")?;
            }
            file.flush().context("the trace")?;
        }
        Ok(())
    }

    /// Output to the terminal, and a line typed at a prompt.
    fn show(&mut self) -> io::Result<Seen> {
        let said = self.machine().take_output();
        if !said.is_empty() {
            self.line.words.write_all(&said)?;
            self.line.words.flush()?;
            self.lately.push_str(&String::from_utf8_lossy(&said));
        }
        if let Some(at) = self.lately.find(PROMPT)
            && let Some(line) = self.lines.pop_front()
        {
            self.lately.drain(..at + PROMPT.len());
            self.machine().type_bytes(format!("{line}\r").as_bytes());
            return Ok(Seen::Prompt);
        }
        let wanted = self.args.until.as_deref().map(|text| match text {
            "prompt" => PROMPT,
            text => text,
        });
        let is_said =
            wanted.is_some_and(|text| self.lines.is_empty() && self.lately.contains(text));
        // Only an end that may be the begin of what is waited for is kept.
        let most = wanted.map_or(0, str::len).max(PROMPT.len()) * 4;
        let mut cut = self.lately.len().saturating_sub(most);
        while !self.lately.is_char_boundary(cut) {
            cut += 1;
        }
        self.lately.drain(..cut);
        Ok(if is_said { Seen::Wanted } else { Seen::Nothing })
    }

    /// Passes on what was typed. Answers whether the user leaves.
    fn typed(&mut self) -> bool {
        let received = match &self.line.keys {
            None => return false,
            Some(keys) => keys.try_recv(),
        };
        match received {
            Ok(keys) => self.pass(&keys),
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => {
                self.line.keys = None;
                false
            }
        }
    }

    fn pass(&mut self, keys: &[u8]) -> bool {
        let leaves = |key: &u8| self.line.is_terminal && *key == LEAVE;
        let leave = keys.iter().position(leaves);
        self.machine()
            .type_bytes(&keys[..leave.unwrap_or(keys.len())]);
        leave.is_some()
    }

    /// The board sleeps: with keys still to come as long as it says, else without waiting.
    fn sleep(&mut self, until: Option<u64>) -> Slept {
        const NANOS: u64 = 1_000_000_000 / CYCLES;
        let now = self.machine().clock();
        let Some(keys) = &self.line.keys else {
            // No more keys will come: the next event is all that can.
            self.machine().sleep_until(until.unwrap_or(now));
            return until.map_or(Slept::ForEver, |_| Slept::Awake);
        };
        let wait = until.map_or(Duration::from_secs(3600), |until| {
            Duration::from_nanos((until - now).saturating_mul(NANOS))
        });
        // A debugger that comes meanwhile is answered soon.
        let looks = if self.debugger.is_some() { LOOK } else { wait };
        let began = Instant::now();
        let received = keys.recv_timeout(wait.min(looks));
        let clock = now + began.elapsed().as_nanos() as u64 / NANOS;
        match received {
            Err(RecvTimeoutError::Timeout) if looks < wait => {
                self.machine()
                    .sleep_until(clock.min(until.unwrap_or(clock)));
            }
            Err(RecvTimeoutError::Timeout) => self.machine().sleep_until(until.unwrap_or(clock)),
            Err(RecvTimeoutError::Disconnected) => self.line.keys = None,
            Ok(keys) => {
                let until = until.unwrap_or(u64::MAX);
                self.machine().sleep_until(clock.min(until));
                if self.pass(&keys) {
                    return Slept::Left;
                }
            }
        }
        Slept::Awake
    }
}
