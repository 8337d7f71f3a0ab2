//! `pagewalk satp`: the active page tables of a running board.

use link::transport::Spec;
use view::fields;

use crate::board;
use crate::format::Format;

/// Show the root of a running board's page tables: the kernel's own, or a task's.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk satp --from /dev/ttyUSB0@2000000
  pagewalk satp --from tcp://localhost:4444 --task 2 --format json
  pagewalk satp --from gdb://localhost:1234
A value that you have already: pagewalk decode satp 0x8000000000050407")]
pub struct SatpArgs {
    /// The board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu; gdb://HOST:PORT; or
    /// a hart through JTAG: probe, probe:SELECTOR
    #[arg(long, value_name = "SPEC")]
    from: Spec,
    /// The tables of this task id
    #[arg(long, value_name = "NUMBER")]
    task: Option<u64>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the decoded register.
pub fn run(args: SatpArgs) -> anyhow::Result<()> {
    let (satp, xlen) = match &args.from {
        Spec::Gdb(address) if args.task.is_none() => {
            let mut stub = board::stub(address)?;
            (stub.register("satp")?, board::stub_xlen(&mut stub)?)
        }
        #[cfg(feature = "probe")]
        Spec::Probe(selector) if args.task.is_none() => {
            let mut hart = crate::hart::ProbedHart::open(selector, &Default::default())?;
            (hart.target()?.satp()?, hart.xlen()?)
        }
        spec => {
            let mut board = board::open(spec)?;
            let satp = match args.task {
                Some(pid) => board.satp_of(pid)?,
                None => board.about()?.0,
            };
            (satp, board.xlen())
        }
    };
    let value = fields::satp(satp, xlen);
    args.format.answer(&value)
}
