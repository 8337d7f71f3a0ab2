//! `pagewalk ox64`: a card boots on a machine in software, as strict as the silicon.
//!
//! ```text
//! $ pagewalk ox64 target/images/ox64-sd.img --until prompt
//! Pagewalk 0.1.0 on Pine64 Ox64: 63 MiB RAM, …
//! pw>
//! note: 1234567 instructions, 0.013 s of the board's time; nothing that silicon would refuse
//! ```

mod gdb;
mod serial;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::Context;
use machine::{CYCLES, MachineOptions, SiliconRule, Stop, StrictMachine, Traced};
use view::words::counted;

use crate::ending;
use crate::exit::UsageError;
use crate::output;
use crate::raw_mode::{LEAVE, RawMode};
use gdb::{GdbPort, GoOn};
use serial::SerialEnd;

/// What our shell says when it waits for a line.
const PROMPT: &str = "pw> ";
/// Instructions between two looks at the terminal: a few milliseconds.
const PIECE: u64 = 200_000;
/// How long a sleeping board keeps a gdb waiting at most.
const LOOK: Duration = Duration::from_millis(50);

/// Boot a card for the Ox64 on this machine, with its console on the terminal, and say where real
/// silicon would have refused. Ctrl-] leaves.
///
/// The card is booted as the board's firmware does it: partition table, extlinux.conf, the Image's
/// header. The hart is as strict as the C906: A and D bits, memory types, caches, stale translations.
#[derive(clap::Args)]
#[command(
    name = "ox64",
    after_help = "\
Examples:
  pagewalk ox64 target/images/ox64-sd.img
  pagewalk ox64 ox64-sd.img --until prompt --type hello --type 'faults'
  pagewalk ox64 ox64-sd.img --until 'page faults' --limit 200000000 --maee 0
  pagewalk ox64 ox64-sd.img --serial tcp://localhost:4444
  pagewalk connect tcp://localhost:4444         gdb, ps, faults, dash: as at a board

Time is counted in instructions, 100 to a microsecond: the same card and the same lines typed give the
same bytes, unless keys are typed by hand. Exit code 1: the card does not boot, --until was not seen, or silicon
would have refused something."
)]
pub struct Ox64Args {
    /// The card: an image, or its device
    #[arg(required_unless_present = "checklist")]
    card: Option<PathBuf>,
    /// End once the board has said this; `prompt` is the shell's, after every --type
    #[arg(long, value_name = "TEXT")]
    until: Option<String>,
    /// Type this line at the next prompt; may be repeated
    #[arg(long = "type", value_name = "LINE", allow_hyphen_values = true)]
    lines: Vec<String>,
    /// End after as many instructions
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Whether the firmware has set sxstatus.MAEE: memory types are in the entries then. Which it is on
    /// the board is not known
    #[arg(long, value_name = "0|1", default_value = "1", value_parser = clap::value_parser!(u8).range(0..=1))]
    maee: u8,
    /// Boot arguments, instead of those on the card
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
    /// The serial line for other programs, instead of this terminal: pty, tcp://HOST:PORT (port 0 takes a
    /// free one), unix:PATH
    #[arg(long, value_name = "SPEC")]
    serial: Option<String>,
    /// Port for a gdb that sees the hart itself, and for `--from gdb://localhost:PORT`; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    gdb: Option<u16>,
    /// Write every walk, device access, trap, fence and call of the firmware to this file, as CSV
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print what a person with an Ox64 can look at, to prove what a model cannot
    #[arg(long, exclusive = true)]
    checklist: bool,
    /// Forgive what this rule refuses; may be repeated, `all` is every rule
    #[arg(long, value_name = "RULE")]
    forgive: Vec<String>,
}

/// Boots it, and runs it until it ends or is left.
pub fn run(args: Ox64Args) -> anyhow::Result<()> {
    if args.checklist {
        return output::answer(|out| out.write_all(checklist().as_bytes()).map_err(Into::into));
    }
    let off = rules(&args.forgive)?;
    let board = boards::by_name("ox64")?;
    let path = args.card.clone().unwrap_or_default();
    let card = File::open(&path).with_context(|| path.display().to_string())?;
    let options = MachineOptions {
        maee: args.maee == 1,
        off,
        ..MachineOptions::default()
    };
    let mut machine = StrictMachine::new(&board, options);
    let append = args.append.as_deref();
    match machine::boot(&mut machine, &board, &card, &path, append) {
        Ok(booted) => booted.said.iter().for_each(|line| eprintln!("{line}\r")),
        Err(error) => {
            error.said.iter().for_each(|line| eprintln!("{line}"));
            return Err(error).with_context(|| format!("{} does not boot", path.display()));
        }
    }
    let listens = args.until.is_none() || io::stdin().is_terminal();
    let line = match &args.serial {
        Some(spec) => serial::open(spec)?,
        None => serial::terminal(listens),
    };
    ending::at_once(RawMode::restore);
    let raw = line.is_terminal.then(RawMode::begin).transpose()?;
    let ended = Session::new(&args, machine, line)?.run();
    drop(raw);
    let (machine, end) = ended?;
    report(&machine, end, args.until.is_some())
}

/// From the page of the documentation that has it.
fn checklist() -> &'static str {
    const PAGE: &str = include_str!("../../../../docs/ox64-model.md");
    PAGE.split_once("## On a board\n\n")
        .map_or("", |(_, list)| list)
}

fn rules(words: &[String]) -> anyhow::Result<Vec<SiliconRule>> {
    let mut rules = Vec::new();
    for word in words {
        match SiliconRule::from_name(word) {
            Some(rule) => rules.push(rule),
            None if word == "all" => rules.extend(SiliconRule::ALL),
            None => {
                let names: Vec<&str> = SiliconRule::ALL.iter().map(|rule| rule.name()).collect();
                let names = names.join(", ");
                return Err(UsageError(format!(
                    "unknown rule `{word}`; known rules: all, {names}"
                ))
                .into());
            }
        }
    }
    Ok(rules)
}

enum End {
    /// What was waited for was said, or the user left.
    Done,
    /// As many instructions were executed as the limit allows.
    Limit,
    /// The firmware stopped the hart.
    Halted,
    /// It sleeps, and nothing will come.
    Asleep,
}

/// The numbers, and what broke a rule.
fn report(machine: &StrictMachine, end: End, is_awaited: bool) -> anyhow::Result<()> {
    let seconds = machine.clock() as f64 / CYCLES as f64;
    let instructions = machine.instructions();
    let found: Vec<_> = machine.findings.iter().collect();
    let verdict = match found.len() {
        0 => "nothing that silicon would refuse".to_owned(),
        some => counted(some, "place", "places") + " that silicon refuses",
    };
    eprintln!("note: {instructions} instructions, {seconds:.3} s of the board's time; {verdict}");
    for finding in &found {
        eprintln!("silicon: {finding}");
    }
    match end {
        End::Limit if !is_awaited => {}
        End::Limit => {
            let begun = machine.attempts();
            anyhow::bail!("not seen within {begun} instructions (--limit)")
        }
        End::Asleep if !is_awaited => eprintln!("note: the input has ended, and the board sleeps"),
        End::Asleep => anyhow::bail!("not seen, and the board sleeps: nothing will wake it"),
        End::Halted => {
            eprintln!("note: the firmware has stopped the hart: this board has no switch")
        }
        End::Done => {}
    }
    if !found.is_empty() {
        anyhow::bail!(
            "the board would not have come this far; --forgive RULE goes on without a rule"
        );
    }
    Ok(())
}

enum Slept {
    Awake,
    Left,
    ForEver,
}

/// What the board has said, as far as a session cares.
enum Heard {
    /// What it was run for.
    Wanted,
    /// A prompt, and a line was typed.
    Prompt,
    Nothing,
}

/// Opens it, and says where.
fn gdb_port(port: u16) -> anyhow::Result<GdbPort> {
    let gdb = GdbPort::open(port).with_context(|| format!("port {port}"))?;
    eprintln!("gdb       target remote localhost:{}\r", gdb.port()?);
    Ok(gdb)
}

fn trace_file(path: &Path, args: &Ox64Args) -> anyhow::Result<BufWriter<File>> {
    if args.card.as_deref() == Some(path) {
        return Err(UsageError(format!("{} is the card", path.display())).into());
    }
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut file = BufWriter::new(file);
    writeln!(file, "{}", Traced::HEADER).with_context(|| path.display().to_string())?;
    Ok(file)
}

struct Session<'a> {
    args: &'a Ox64Args,
    machine: StrictMachine,
    lines: VecDeque<&'a str>,
    line: SerialEnd,
    trace: Option<BufWriter<File>>,
    gdb: Option<GdbPort>,
    /// What was said since the last line was typed, its end at least.
    heard: String,
}

impl<'a> Session<'a> {
    fn new(
        args: &'a Ox64Args,
        machine: StrictMachine,
        line: SerialEnd,
    ) -> anyhow::Result<Session<'a>> {
        let trace = args.trace.as_deref().map(|path| trace_file(path, args));
        let mut session = Session {
            args,
            machine,
            lines: args.lines.iter().map(String::as_str).collect(),
            line,
            trace: trace.transpose()?,
            gdb: args.gdb.map(gdb_port).transpose()?,
            heard: String::new(),
        };
        if session.trace.is_some() {
            session.machine.trace.begin();
        }
        Ok(session)
    }

    fn run(mut self) -> anyhow::Result<(StrictMachine, End)> {
        let limit = self.args.limit.unwrap_or(u64::MAX);
        loop {
            let left = limit.saturating_sub(self.machine.attempts());
            let stop = self.run_piece(PIECE.min(left));
            self.write_trace()?;
            match self.show()? {
                Heard::Wanted => return Ok((self.machine, End::Done)),
                // It may have woken the board.
                Heard::Prompt => continue,
                Heard::Nothing => {}
            }
            if self.typed() {
                return Ok((self.machine, End::Done));
            }
            match stop {
                Stop::Halted => return Ok((self.machine, End::Halted)),
                Stop::Limit if left <= PIECE => return Ok((self.machine, End::Limit)),
                Stop::Limit | Stop::Breakpoint => {}
                Stop::Sleeping(until) => match self.sleep(until) {
                    Slept::Awake => {}
                    Slept::Left => return Ok((self.machine, End::Done)),
                    Slept::ForEver => return Ok((self.machine, End::Asleep)),
                },
            }
        }
    }

    /// As far as gdb lets it.
    fn run_piece(&mut self, instructions: u64) -> Stop {
        let Some(gdb) = &mut self.gdb else {
            return self.machine.run(instructions);
        };
        let go_on = gdb.serve(&mut self.machine);
        let stop = match go_on {
            GoOn::Freely => self.machine.run(instructions),
            GoOn::Step => self.machine.run(1),
        };
        if go_on == GoOn::Step || stop == Stop::Breakpoint {
            gdb.stopped();
        }
        stop
    }

    fn write_trace(&mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.trace {
            for traced in self.machine.trace.take() {
                writeln!(file, "{traced}").context("the trace")?;
            }
            file.flush().context("the trace")?;
        }
        Ok(())
    }

    /// Output to the terminal, and a line typed at a prompt.
    fn show(&mut self) -> io::Result<Heard> {
        let said = self.machine.take_output();
        if said.is_empty() {
            return Ok(Heard::Nothing);
        }
        self.line.words.write_all(&said)?;
        self.line.words.flush()?;
        self.heard.push_str(&String::from_utf8_lossy(&said));
        if let Some(at) = self.heard.find(PROMPT)
            && let Some(line) = self.lines.pop_front()
        {
            self.heard.drain(..at + PROMPT.len());
            self.machine.type_bytes(format!("{line}\r").as_bytes());
            return Ok(Heard::Prompt);
        }
        let wanted = self.args.until.as_deref().map(|text| match text {
            "prompt" => PROMPT,
            text => text,
        });
        let is_said = wanted.is_some_and(|text| self.lines.is_empty() && self.heard.contains(text));
        // Only an end that may be the begin of what is waited for is kept.
        let most = wanted.map_or(0, str::len).max(PROMPT.len()) * 4;
        let mut cut = self.heard.len().saturating_sub(most);
        while !self.heard.is_char_boundary(cut) {
            cut += 1;
        }
        self.heard.drain(..cut);
        Ok(if is_said {
            Heard::Wanted
        } else {
            Heard::Nothing
        })
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
        self.machine
            .type_bytes(&keys[..leave.unwrap_or(keys.len())]);
        leave.is_some()
    }

    /// The board sleeps: with keys still to come as long as it says, else without waiting.
    fn sleep(&mut self, until: Option<u64>) -> Slept {
        const NANOS: u64 = 1_000_000_000 / CYCLES;
        let now = self.machine.clock();
        let Some(keys) = &self.line.keys else {
            // No more keys will come: the next event is all that can.
            self.machine.sleep_until(until.unwrap_or(now));
            return until.map_or(Slept::ForEver, |_| Slept::Awake);
        };
        let wait = until.map_or(Duration::from_secs(3600), |until| {
            Duration::from_nanos((until - now).saturating_mul(NANOS))
        });
        // A gdb that comes meanwhile is answered soon.
        let looks = if self.gdb.is_some() { LOOK } else { wait };
        let began = Instant::now();
        let received = keys.recv_timeout(wait.min(looks));
        let clock = now + began.elapsed().as_nanos() as u64 / NANOS;
        match received {
            Err(RecvTimeoutError::Timeout) if looks < wait => {
                self.machine.sleep_until(clock.min(until.unwrap_or(clock)));
            }
            Err(RecvTimeoutError::Timeout) => self.machine.sleep_until(until.unwrap_or(clock)),
            Err(RecvTimeoutError::Disconnected) => self.line.keys = None,
            Ok(keys) => {
                let until = until.unwrap_or(u64::MAX);
                self.machine.sleep_until(clock.min(until));
                if self.pass(&keys) {
                    return Slept::Left;
                }
            }
        }
        Slept::Awake
    }
}
