//! `pagewalk probe`: JTAG access to a hart whose software does not respond.
//!
//! ```text
//! $ pagewalk probe info
//! chain           0x10000b6f (5 bits of instruction, debug module)
//! board           ox64
//! …
//! hart            0 of 1, RV64, running
//! $ pagewalk map --from probe
//! ```
//!
//! A running hart is halted for the access and resumed afterwards; changed registers are restored. To add a
//! subcommand: a file with `Args` and `run`, and its row here.

mod args;
mod control;
mod csr;
mod info;
mod list;
mod read;
mod satp;

/// Examine a hart through JTAG: registers, memory, run state.
#[derive(clap::Args)]
pub struct ProbeCommandArgs {
    #[command(subcommand)]
    command: ProbeCommand,
}

#[derive(clap::Subcommand)]
enum ProbeCommand {
    List(list::ProbeListArgs),
    Info(info::ProbeInfoArgs),
    Satp(satp::ProbeSatpArgs),
    Csr(csr::ProbeCsrArgs),
    Read(read::ProbeReadArgs),
    Halt(control::HaltArgs),
    Resume(control::ResumeArgs),
    Reset(control::ResetArgs),
}

/// Runs the chosen subcommand.
pub fn run(args: ProbeCommandArgs) -> anyhow::Result<()> {
    match args.command {
        ProbeCommand::List(args) => list::run(args),
        ProbeCommand::Info(args) => info::run(args),
        ProbeCommand::Satp(args) => satp::run(args),
        ProbeCommand::Csr(args) => csr::run(args),
        ProbeCommand::Read(args) => read::run(args),
        ProbeCommand::Halt(args) => control::halt(args),
        ProbeCommand::Resume(args) => control::resume(args),
        ProbeCommand::Reset(args) => control::reset(args),
    }
}
