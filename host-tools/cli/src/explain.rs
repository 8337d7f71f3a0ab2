//! `pagewalk explain`: what a kernel's last words mean.
//!
//! ```text
//! $ pagewalk explain serial.log --elf target/board-side/…/board/kernel
//! kernel fault: Load page fault
//! register  value               means
//! scause    0x000000000000000d  Load page fault
//! sepc      0xffffffff80005a3c  kernel::mm::pager::resolve+0x1c
//! stval     0x0000000000000010  the address
//! a null pointer, 16 bytes on
//! ```

use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};
use link::text::report::{Report, reports};
use model::Crash;
use pagetable::Xlen;
use view::explain::{Explained, json, table};

use crate::output;
use crate::symbols::Programs;

/// Explain the report that a kernel of ours printed when it ended: cause, place, address.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk explain serial.log
  pagewalk explain run.pwlog --elf target/board-side/riscv64gc-unknown-none-elf/board/kernel
  xclip -o | pagewalk explain - --json")]
pub struct Args {
    /// Text with the report in it, or a recording; `-` reads from stdin. The last report counts
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Name instructions by the functions of this program; may be repeated
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// One object, pagewalk.explain/1
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub fn run(args: Args) -> anyhow::Result<()> {
    let is_stdin = args.file.as_os_str() == "-";
    let name = || match is_stdin {
        true => "standard input".to_owned(),
        false => args.file.display().to_string(),
    };
    let mut bytes = Vec::new();
    let read = if is_stdin {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        crate::recording::open(&args.file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.with_context(name)?;
    let programs = Programs::read(&args.elf)?;
    let found = reports(&String::from_utf8_lossy(&bytes));
    let Some(report) = found.last() else {
        bail!(
            "{}: holds no report: no line with `scause`, `sepc` and `stval` and their values",
            name()
        );
    };
    if found.len() > 1 {
        eprintln!(
            "remark: {}: {} reports; this is the last",
            name(),
            found.len()
        );
    }
    let names = |at| programs.name(at);
    let (crash, xlen) = of(report);
    answer(&crash, xlen, &names, args.json)
}

/// A report as the model has it, and the hart's width.
fn of(report: &Report) -> (Crash, Xlen) {
    let crash = Crash {
        message: report.message.clone(),
        scause: report.register("scause"),
        sepc: report.register("sepc"),
        stval: report.register("stval"),
        sp: report.register("sp"),
        ra: report.register("ra"),
        satp: report.register("satp"),
        time: report.register("time"),
    };
    let xlen = match report.digits {
        8 => Xlen::Rv32,
        _ => Xlen::Rv64,
    };
    (crash, xlen)
}

fn answer(
    crash: &Crash,
    xlen: Xlen,
    names: &dyn Fn(u64) -> Option<String>,
    is_json: bool,
) -> anyhow::Result<()> {
    let explained = Explained { crash, xlen, names };
    let view = if is_json { json } else { table };
    Ok(output::answer(|out| view(out, &explained))?)
}
