//! `pagewalk ox64`: a card boots on a machine in software, as strict as the silicon.
//!
//! ```text
//! $ pagewalk ox64 target/images/ox64-sd.img --until prompt
//! Pagewalk 0.1.0 on Pine64 Ox64: 63 MiB RAM, …
//! pw>
//! note: 1234567 instructions, 0.013 s of the board's time; nothing that silicon would refuse
//! ```

mod board_run;
mod debug_port;
mod gdb;
#[cfg(feature = "probe")]
mod jtag;
mod serial;

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use machine::{CYCLES, MachineOptions, SiliconRule, StrictMachine};
use pack::output::Output;
use view::words::counted;

use crate::ending;
use crate::exit::UsageError;
use crate::output;
use crate::raw_mode::RawMode;
use board_run::{BoardRun, End};
use debug_port::lock;

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
  pagewalk ox64 ox64-sd.img --until prompt --save booted.ox64
  pagewalk ox64 --restore booted.ox64 --until prompt --type 'touch_test 3'
  pagewalk ox64 ox64-sd.img --serial tcp://localhost:4444
  pagewalk connect tcp://localhost:4444         gdb, ps, faults, dash: as at a board

Time is counted in instructions, 100 to a microsecond: the same card and the same lines typed give the
same bytes, unless keys are typed by hand. Exit code 1: the card does not boot, --until was not seen, or silicon
would have refused something."
)]
pub struct Ox64Args {
    /// The card: an image, or its device
    #[arg(required_unless_present_any = ["checklist", "restore"])]
    card: Option<PathBuf>,
    /// Write the whole machine to this file at the end, for --restore
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Go on from what --save has written, instead of a card
    #[arg(long, value_name = "FILE", conflicts_with_all = ["card", "append", "maee"])]
    restore: Option<PathBuf>,
    /// End once the board has said this; `prompt` is the shell's, after every --type
    #[arg(long, value_name = "TEXT")]
    until: Option<String>,
    /// Type this line at the next prompt; may be repeated
    #[arg(long = "type", value_name = "LINE", allow_hyphen_values = true)]
    lines: Vec<String>,
    /// End after as many instructions; with --until, ten thousand million if none are given
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
    /// Port for a JTAG probe at the hart, which speaks remote_bitbang; `--from probe:ox64` is the one at
    /// the port that is taken if none is given
    #[cfg(feature = "probe")]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = link::probe::OX64_PORT, conflicts_with = "gdb")]
    jtag: Option<u16>,
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

/// Instructions after which what is awaited is given up: a hundred seconds of a busy board, minutes of this machine.
const AWAITED: u64 = 10_000_000_000;

impl Ox64Args {
    /// Instructions after which the run ends. An Image that loops would keep a script waiting without
    /// limit.
    fn limit(&self) -> u64 {
        let unlimited = match self.until {
            Some(_) => AWAITED,
            None => u64::MAX,
        };
        self.limit.unwrap_or(unlimited)
    }
}

/// Boots it, and runs it until it ends or is left.
pub fn run(args: Ox64Args) -> anyhow::Result<()> {
    if args.checklist {
        return output::answer(|out| out.write_all(checklist().as_bytes()).map_err(Into::into));
    }
    let (card, save_to) = (args.card.as_deref(), args.save.as_deref());
    if save_to.is_some() && save_to == card {
        return Err(UsageError("--save would overwrite the card".to_owned()).into());
    }
    // What is wrong with the options is said before the firmware says anything.
    let forgiven = rules(&args.forgive)?;
    let line = args.serial.as_deref().map(serial::open).transpose()?;
    // Where the files cannot be written, that shows before minutes of a run, not behind them.
    let save_to = save_to.map(Output::create).transpose()?;
    let trace = board_run::trace_file(&args)?;
    let mut machine = powered_on(&args)?;
    for rule in forgiven {
        machine.findings.forgive(rule);
    }
    let listens = args.until.is_none() || io::stdin().is_terminal();
    let line = line.unwrap_or_else(|| serial::terminal(listens));
    ending::at_once(RawMode::restore);
    let raw = line.is_terminal.then(RawMode::begin).transpose()?;
    let machine = Arc::new(Mutex::new(machine));
    let ended = BoardRun::new(&args, &machine, line, trace)?.run();
    drop(raw);
    let ended = ended?;
    if let (Some(path), Some(file)) = (&args.save, save_to) {
        save(path, file, &mut lock(&machine))?;
    }
    report(&lock(&machine), ended, args.until.is_some())
}

/// With the card's kernel about to be entered, or as it was saved.
fn powered_on(args: &Ox64Args) -> anyhow::Result<StrictMachine> {
    let board = boards::by_name("ox64")?;
    if let Some(path) = &args.restore {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        return StrictMachine::restore(&board, &bytes).with_context(|| path.display().to_string());
    }
    let path = args.card.clone().unwrap_or_default();
    let card = File::open(&path).with_context(|| path.display().to_string())?;
    let options = MachineOptions {
        maee: args.maee == 1,
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
    Ok(machine)
}

/// The machine as it is at the end of a run, for `--restore`.
fn save(path: &Path, mut file: Output, machine: &mut StrictMachine) -> anyhow::Result<()> {
    file.write_all(&machine.save())
        .with_context(|| path.display().to_string())?;
    file.commit()?;
    eprintln!("note: saved in {}", path.display());
    Ok(())
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
