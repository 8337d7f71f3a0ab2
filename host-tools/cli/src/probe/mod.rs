//! `pagewalk probe`: a hart that says nothing any more, through JTAG.
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
//! A hart that runs is halted while it is asked, and runs on afterwards; what was changed in it is
//! put back. To add a subcommand: a file with `Args` and `run`, and its row here.

mod control;
mod csr;
mod info;
mod list;
mod read;
mod satp;

/// Look at a hart through JTAG: registers, memory, whether it runs.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    List(list::Args),
    Info(info::Args),
    Satp(satp::Args),
    Csr(csr::Args),
    Read(read::Args),
    Halt(control::HaltArgs),
    Resume(control::ResumeArgs),
    Reset(control::ResetArgs),
}

/// Does what is asked.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List(args) => list::run(args),
        Command::Info(args) => info::run(args),
        Command::Satp(args) => satp::run(args),
        Command::Csr(args) => csr::run(args),
        Command::Read(args) => read::run(args),
        Command::Halt(args) => control::halt(args),
        Command::Resume(args) => control::resume(args),
        Command::Reset(args) => control::reset(args),
    }
}
