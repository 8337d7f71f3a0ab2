//! `pagewalk explain`: what a trap means, of any kernel that printed it.
//!
//! ```text
//! $ pagewalk explain serial.log --elf target/board-side/…/board/kernel
//! kernel fault: Load page fault
//! register  value               means
//! scause    0x000000000000000d  Load page fault
//! sepc      0xffffffff80005a3c  kernel::mm::pager::resolve+0x1c at kernel/src/mm/pager.rs:120
//! stval     0x0000000000000010  the address
//! a null pointer, 16 bytes on
//! a load of 0x10 was refused by the page tables: with them, --from and --satp, the walk shows the level
//! ```
//!
//! With tables the walk follows, and the last line is the level, the entry and the bit that refused.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use link::memory::MemorySpec;
use link::text::{CrashReport, TrapText, trap_dialects};
use link::transport::Spec;
use model::{CrashRegisters, TrappedMode};
use pagetable::{AccessType, Mode, PhysAddr, Pmp, PmpMode, Satp, Xlen};
use view::View;
use view::explain::{Explained, SourceText, json, table};
use view::two_stage::TwoStageWalked;

use crate::exit::UsageError;
use crate::symbols::Programs;
use crate::tables::{GuestArgs, NamedRoot, OpenTables, PmpArgs, SpaceArgs, number};
use crate::{core_hart, output, printed_walk, walk};

/// Explain a trap: what any kernel, boot loader, simulator or debugger printed of it, or three
/// registers; with page tables, which level stopped it and why.
#[derive(clap::Args, Clone)]
#[command(after_help = "\
Examples:
  pagewalk explain serial.log
  dmesg | pagewalk explain - --elf vmlinux
  pagewalk explain oops.txt --from vmcore
  pagewalk explain run.pwlog --elf target/board-side/riscv64gc-unknown-none-elf/board/kernel
  xclip -o | pagewalk explain - --format json
  pagewalk explain --scause 0xf --sepc 0x10a06 --stval 0x8 --from vmcore --satp 0x8000000000081fca
  pagewalk explain --from gdb://localhost:1234
  pagewalk explain --from probe --board ox64
  pagewalk explain --from vmcore --hart 1 --elf vmlinux
  pagewalk explain serial.log --pmp serial.log
  pagewalk explain --scause 21 --sepc 0x80200000 --stval 0x4000 --from ram.bin@0x80000000 --vsatp 0x8000000000080001 --hgatp 0x8000000000080004

Reads Linux, BSD, OpenSBI, U-Boot, coreboot, EDK2, NuttX, Zephyr, xv6, Xous, seL4, Genode, Fuchsia,
FreeRTOS, kernels in Rust, QEMU (-d int, info registers), Spike (-l), gdb, OpenOCD and whatever else
names its registers, through colours, log prefixes, quotes, HTML, UTF-16 and lines wrapped at the
edge of a terminal or by a mail.")]
pub struct ExplainArgs {
    /// Text that contains the report, or a recording; `-` reads from stdin. The last report counts
    #[arg(value_name = "FILE|-", required_unless_present_any = ["scause", "from"],
          conflicts_with = "scause")]
    file: Option<PathBuf>,
    /// Trap cause, instead of a report. A plain number is decimal, as causes are usually printed; hexadecimal
    /// with 0x, or with as many digits as a register
    #[arg(long, value_name = "VALUE", value_parser = cause, requires_all = ["sepc", "stval"])]
    scause: Option<CauseArg>,
    /// Address of the instruction
    #[arg(long, value_name = "ADDR", value_parser = number, requires = "scause")]
    sepc: Option<u64>,
    /// Address of the access
    #[arg(long, value_name = "ADDR", value_parser = number, requires = "scause")]
    stval: Option<u64>,
    /// Where the page tables are, as for `walk`; of a gdb stub or a probe the registers too, unless
    /// there is a report; of an ELF core alone, those that it keeps of a hart. The satp, or pgdp, of a report is the root
    #[arg(long, value_name = "SPEC")]
    from: Vec<MemorySpec>,
    #[command(flatten)]
    roots: SpaceArgs,
    #[command(flatten)]
    pmp: PmpArgs,
    #[command(flatten)]
    guest: GuestArgs,
    /// Symbolize instructions with this program, with file and line if it has DWARF; may be repeated
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// Output format
    #[arg(
        long,
        value_enum,
        default_value = "table",
        hide_possible_values = true,
        value_name = "table|json"
    )]
    format: ExplainFormat,
    /// Old spelling of --format json
    #[arg(long, hide = true)]
    json: bool,
}

impl ExplainArgs {
    /// The options for PMP: an access fault at a stub or a probe is the hart's to explain.
    fn pmp_for(&self, crash: &CrashRegisters) -> PmpArgs {
        let is_of_hart = self.scause.is_none() && !self.pmp.is_given();
        match (is_of_hart, crash.scause) {
            (true, Some(1 | 5 | 7)) => PmpArgs::hart_if_it_can(),
            _ => self.pmp.clone(),
        }
    }

    /// The options for tables; with a guest, those of its second stage.
    fn spaces(&self) -> anyhow::Result<SpaceArgs> {
        match self.guest.is_given() {
            true => self.roots.with_guest(&self.guest),
            false => Ok(self.roots.clone()),
        }
    }

    fn is_json(&self) -> bool {
        self.json || self.format == ExplainFormat::Json
    }
}

/// Values of `--format`: a trap has no CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ExplainFormat {
    /// Lines of text for people
    Table,
    /// One object of schema pagewalk.explain/1
    Json,
}

/// The value of `--scause`, and the base if it was ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CauseArg {
    value: u64,
    /// Base that was assumed, if another one would give another cause.
    guessed: Option<u32>,
}

/// Parses a cause. With `0x` or a hexadecimal letter it is hexadecimal; a number as wide as a register was
/// printed by a kernel in hexadecimal; any other number is decimal, as in `cause 13` of the manuals.
fn cause(text: &str) -> Result<CauseArg, String> {
    let value = number(text);
    let decimal = text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    let is_padded = matches!(text.len(), 8 | 16) && value.is_ok();
    match decimal.filter(|_| !is_padded) {
        Some(decimal) => Ok(CauseArg {
            value: decimal,
            guessed: (value != Ok(decimal)).then_some(10),
        }),
        None => {
            let value = value?;
            let is_bare = !text.starts_with("0x") && !text.starts_with("0X");
            Ok(CauseArg {
                value,
                guessed: (is_bare && value > 9).then_some(16),
            })
        }
    }
}

/// Most bytes of text that are looked through, unpacked.
const MOST_TEXT: u64 = 512 << 20;

/// Prints the explanation.
pub fn run(args: ExplainArgs) -> anyhow::Result<()> {
    let Some(file) = &args.file else {
        return registers(&args);
    };
    let is_stdin = file.as_os_str() == "-";
    let name = || match is_stdin {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    };
    let mut from = match is_stdin {
        true => crate::recording::recorded(Box::new(io::stdin().lock())),
        false => crate::recording::open(file),
    }
    .with_context(name)?;
    let (mut reports, mut last) = (0_u64, None);
    let is_whole = read_traps(&mut from, &mut |report| {
        reports += 1;
        last = Some(report);
    });
    if !is_whole.with_context(name)? {
        bail!(
            "{}: longer than {} MiB, the most that is looked through: give the part of it that has the report",
            name(),
            MOST_TEXT >> 20
        );
    }
    let Some(report) = last else {
        let known: Vec<&str> = trap_dialects().collect();
        bail!(
            "{}: holds no trap: no line names a cause (scause, mcause, cause) and says where or on \
             what; read are {}, and any text that names its registers",
            name(),
            known.join(", ")
        );
    };
    if reports > 1 {
        let hart = report.hart;
        let of_hart = hart.map_or(String::new(), |hart| format!(", of hart {hart}"));
        eprintln!(
            "note: {}: {reports} reports; this is the last{of_hart}",
            name()
        );
    }
    let (crash, xlen) = of(&report);
    note(&report, &crash, &name());
    let programs = Programs::with_lines(&args.elf)?
        .moved_by(report.moved_by)
        .with_printed(printed_names(&report));
    let open = match args.from.is_empty() {
        true => None,
        false => Some(
            args.spaces()?
                .or(&root(&report, xlen))
                .with_pmp(&args.pmp)
                .open(args.from.clone())?
                .with_pmp(&args.pmp)?,
        ),
    };
    let printed = report.walk.as_ref();
    let stopped = printed.and_then(|walk| printed_walk::stopped(walk, &crash, xlen));
    with_tables(&args, &crash, xlen, &programs, open, stopped)
}

/// Names of instructions that the report has, by their addresses.
fn printed_names(report: &CrashReport) -> Vec<(u64, String)> {
    let address = |name: &str| match name {
        "epc" => report.pc(),
        name => report.register(name),
    };
    let names = report.names.iter();
    names
        .filter_map(|(name, symbol)| Some((address(name)?, symbol.clone())))
        .collect()
}

/// Hands on every trap of a text; false if it is longer than [`MOST_TEXT`].
fn read_traps(from: &mut dyn Read, take: &mut dyn FnMut(CrashReport)) -> io::Result<bool> {
    let (mut traps, mut length) = (TrapText::default(), 0_u64);
    let mut piece = vec![0; 1 << 18];
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        length += count as u64;
        if length >= MOST_TEXT {
            return Ok(false);
        }
        traps.take(&piece[..count], take);
    }
    traps.finish(take);
    Ok(true)
}

/// What had to be decided to read the report, and what it does not have.
fn note(report: &CrashReport, crash: &CrashRegisters, name: &str) {
    for note in &report.notes {
        eprintln!("note: {name}: {note}");
    }
    let missing = crash.missing();
    if !missing.is_empty() {
        eprintln!("note: {name}: the report has no {}", missing.join(", "));
    }
    if report.moved_by != 0 {
        let by = report.moved_by;
        eprintln!(
            "note: {name}: loaded {by:#x} above where it was linked; names are taken from below"
        );
    }
}

/// Where the tables begin, by the report: its `satp`, or the root that Linux printed.
fn root(report: &CrashReport, xlen: Xlen) -> Vec<NamedRoot> {
    let by_satp = report.register("satp");
    let by_satp = by_satp.and_then(|raw| Satp::decode(raw, xlen).ok());
    let by_walk = || printed_walk::root(report.walk.as_ref()?);
    by_satp
        .or_else(by_walk)
        .map(NamedRoot::from)
        .into_iter()
        .collect()
}

/// Explains the registers; with tables that had a say in it, by their walk.
fn with_tables(
    args: &ExplainArgs,
    crash: &CrashRegisters,
    xlen: Xlen,
    programs: &Programs,
    open: Option<OpenTables>,
    stopped: Option<String>,
) -> anyhow::Result<()> {
    let pmp = match &open {
        Some(open) => open.pmp.clone(),
        None => args.pmp.of_text(xlen)?,
    };
    let by_pmp = pmp.as_ref().and_then(|pmp| untranslated(crash, xlen, pmp));
    let stopped = stopped.or(by_pmp);
    let open = match (open, crash.access(xlen), crash.stval) {
        (Some(open), Some(access), Some(at)) if args.guest.is_given() => {
            let walked = walk::of_guest(open, &args.guest, at)?;
            return with_guest(args, crash, xlen, programs, &walked, access);
        }
        (open, ..) => open,
    };
    let walked = match (open, crash.access(xlen), crash.stval) {
        (Some(open), Some(access), Some(stval))
            if crash.is_translated(xlen)
                && !crash.is_guest_fault(xlen)
                && open.single_root()?.mode != Mode::Bare =>
        {
            Some((walk::of(open, stval)?, access))
        }
        _ => None,
    };
    let Some((walked, access)) = walked else {
        return answer(crash, xlen, programs, args.is_json(), (stopped, false));
    };
    let by_pmp = walked
        .pmp
        .as_ref()
        .and_then(|pmp| view::pmp::stops(pmp, &walked.walk, access));
    let verdict = match (crash.is_table_fault(xlen), by_pmp) {
        (true, _) => view::walk::verdict(&walked, access, crash.asker()),
        (false, Some(by_pmp)) => by_pmp,
        (false, None) => format!(
            "{}; the tables say: {}",
            crash.stopped(xlen).unwrap_or_default(),
            view::walk::verdict(&walked, access, crash.asker())
        ),
    };
    with_walk(args, crash, xlen, programs, &verdict, |out| {
        walked.table(out)
    })
}

/// Answers, and shows the walk that the verdict is from.
fn with_walk(
    args: &ExplainArgs,
    crash: &CrashRegisters,
    xlen: Xlen,
    programs: &Programs,
    verdict: &str,
    table: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let stopped = (Some(verdict.to_owned()), true);
    answer(crash, xlen, programs, args.is_json(), stopped)?;
    if args.is_json() {
        return Ok(());
    }
    output::answer(|out| {
        writeln!(out)?;
        table(out)?;
        Ok(writeln!(out, "{verdict}")?)
    })
}

/// Explains the registers of a guest's trap, by the walk of both stages.
fn with_guest(
    args: &ExplainArgs,
    crash: &CrashRegisters,
    xlen: Xlen,
    programs: &Programs,
    walked: &TwoStageWalked,
    access: AccessType,
) -> anyhow::Result<()> {
    let verdict = walked.verdict(access, crash.asker());
    with_walk(args, crash, xlen, programs, &verdict, |out| {
        walked.table(out)
    })
}

/// What PMP makes of an address that no table translates: of machine mode, or where satp is bare.
fn untranslated(crash: &CrashRegisters, xlen: Xlen, pmp: &Pmp) -> Option<String> {
    let is_access_fault = !crash.is_table_fault(xlen);
    let access = crash.access(xlen).filter(|_| is_access_fault)?;
    let at = PhysAddr::new(crash.stval?);
    let is_bare = crash
        .satp
        .and_then(|raw| Satp::decode(raw, xlen).ok())
        .is_some_and(|satp| satp.mode == Mode::Bare);
    let mode = match crash.trapped_mode() {
        Some(TrappedMode::Machine) => PmpMode::Machine,
        // MPRV lends loads and stores the mode before; that of MPP is not kept by the trap.
        Some(TrappedMode::MachineForOther) if access == AccessType::Execute => PmpMode::Machine,
        Some(TrappedMode::Translated(_)) | None if is_bare => PmpMode::Lower,
        _ => return None,
    };
    Some(view::pmp::sentence(pmp, at, access, mode))
}

/// The cause, after a note about an ambiguous base.
fn read_cause(cause: CauseArg) -> u64 {
    let CauseArg { value, guessed } = cause;
    match guessed {
        Some(10) => eprintln!(
            "note: --scause {value} is read as decimal, {value:#x}; write 0x{value} if it is hexadecimal"
        ),
        Some(_) => eprintln!("note: --scause is read as hexadecimal, {value:#x}, decimal {value}"),
        None => {}
    }
    value
}

/// Explains registers from the command line or from a stub; with tables, also the translation.
fn registers(args: &ExplainArgs) -> anyhow::Result<()> {
    if args.scause.is_none()
        && let [from] = &args.from[..]
        && let MemorySpec::Core(path) = from.clone().sniffed()?
    {
        let programs = Programs::read(&args.elf)?;
        return core_hart::explain(&path, args.roots.hart(), &programs, args.is_json());
    }
    args.roots.check_wires(&args.from)?;
    let mut guest = args.guest.clone();
    let crash = match (args.scause, &args.from[..]) {
        (Some(cause), _) => CrashRegisters {
            scause: Some(read_cause(cause)),
            sepc: args.sepc,
            stval: args.stval,
            ..CrashRegisters::default()
        },
        (None, [MemorySpec::Line(Spec::Gdb(address))]) => {
            let mut stub = args.roots.stub_of_hart(address)?;
            let mut told = |name| {
                stub.register(name)
                    .with_context(|| format!("gdb://{address}"))
            };
            let crash = CrashRegisters {
                scause: Some(told("scause")?),
                sepc: Some(told("sepc")?),
                stval: Some(told("stval")?),
                sp: Some(told("sp")?),
                ra: Some(told("ra")?),
                satp: Some(told("satp")?),
                ..CrashRegisters::default()
            };
            // A trap of a guest is explained by the guest's registers, where the stub has them.
            let xlen = if stub.xlen()? == 32 {
                Xlen::Rv32
            } else {
                Xlen::Rv64
            };
            if crash.is_guest_fault(xlen) {
                guest = guest.or_of(&mut stub);
            }
            crash
        }
        (None, [MemorySpec::Line(Spec::Probe(selector))]) => args.roots.trap_at_probe(selector)?,
        _ => {
            let misuse = "which trap? --scause, --sepc and --stval say it, or a stub or a probe \
                          does: --from gdb://HOST:PORT, --from probe";
            return Err(UsageError(misuse.to_owned()).into());
        }
    };
    let args = &ExplainArgs {
        guest,
        ..args.clone()
    };
    let pmp = args.pmp_for(&crash);
    let open = match args.from.is_empty() {
        true => None,
        false => {
            let roots = args.spaces()?.with_pmp(&pmp);
            Some(roots.open(args.from.clone())?.with_pmp(&pmp)?)
        }
    };
    let by_option = args.roots.pte.xlen()?.unwrap_or(Xlen::Rv64);
    let xlen = open.as_ref().map_or(by_option, |open| open.xlen);
    let programs = Programs::with_lines(&args.elf)?;
    with_tables(args, &crash, xlen, &programs, open, None)
}

/// Converts a report to the model, with the hart's width.
fn of(report: &CrashReport) -> (CrashRegisters, Xlen) {
    let crash = CrashRegisters {
        message: report.message.clone(),
        scause: report.cause(),
        sepc: report.pc(),
        stval: report.value(),
        sp: report.register("sp"),
        ra: report.register("ra"),
        satp: report.register("satp"),
        time: report.register("time"),
        status: report.status(),
        privilege: report.register("priv"),
        is_machine: report.is_machine(),
    };
    let xlen = match report.digits {
        8 => Xlen::Rv32,
        _ => Xlen::Rv64,
    };
    (crash, xlen)
}

fn answer(
    crash: &CrashRegisters,
    xlen: Xlen,
    programs: &Programs,
    is_json: bool,
    (stopped, has_walk): (Option<String>, bool),
) -> anyhow::Result<()> {
    let source = |at| {
        programs.line(at).map(|line| SourceText {
            file: line.file,
            line: line.number,
            inlined: line.inlined,
        })
    };
    let explained = Explained {
        crash,
        xlen,
        names: &|at| programs.name(at),
        sources: &source,
        stopped,
        has_walk,
    };
    let view = if is_json { json } else { table };
    Ok(output::answer(|out| view(out, &explained))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_cause_is_decimal_as_it_is_printed_and_says_so() {
        let read = |text: &str| cause(text).map(|it| (it.value, it.guessed));
        for (text, value, guessed) in [
            ("0xd", 13, None),
            ("0x13", 0x13, None),
            ("0XF", 15, None),
            ("5", 5, None),
            ("13", 13, Some(10)),
            ("15", 15, Some(10)),
            ("d", 13, Some(16)),
            ("0000000f", 15, Some(16)),
            ("00000013", 0x13, Some(16)),
            ("000000000000000d", 13, Some(16)),
            ("8000000000000005", 1 << 63 | 5, Some(16)),
            ("9223372036854775813", 1 << 63 | 5, Some(10)),
        ] {
            assert_eq!(read(text), Ok((value, guessed)), "{text}");
        }
        for text in ["", "0x", "-1", "+13", "1 3", "xyz", "13h"] {
            assert!(cause(text).is_err(), "{text}");
        }
    }
}
