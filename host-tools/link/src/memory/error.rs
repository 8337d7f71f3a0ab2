//! What can go wrong with somebody's memory.

use std::io;
use std::path::PathBuf;

use pagetable::Outside;
use thiserror::Error;

/// Why bytes could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The dump does not hold them.
    #[error(transparent)]
    Outside(Outside),
    /// The board's agent did not tell.
    #[error(transparent)]
    Agent(crate::session::AgentError),
    /// The gdb stub did not tell.
    #[error(transparent)]
    Stub(crate::gdb::StubError),
    /// The probe did not tell.
    #[cfg(feature = "probe")]
    #[error(transparent)]
    Probe(Box<crate::probe::ProbeError>),
    /// The program at the other end of the pipe did not.
    #[error("whoever asked gives no memory")]
    Pipe(#[source] io::Error),
    /// The file that should hold them did not give them.
    #[error("{path}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
}

/// Why a file is not the memory it was said to be.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be opened or read.
    #[error("{path}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// It is no ELF file, or a broken one.
    #[error("{path}: {1}", path = .0.display())]
    Elf(PathBuf, String),
    /// It is an ELF file of another type than a core.
    #[error("{path}: ELF type {1} is no core (4); raw memory goes in with --mem FILE@ADDR", path = .0.display())]
    NotACore(PathBuf, u16),
    /// It is the core of another machine than RISC-V.
    #[error("{path}: core of ELF machine {1}, not of RISC-V (243)", path = .0.display())]
    Machine(PathBuf, u16),
    /// It holds no memory at all.
    #[error("{path}: holds no memory", path = .0.display())]
    Empty(PathBuf),
    /// Its bytes would lie beyond the last physical address.
    #[error("{path}: reaches beyond the last physical address", path = .0.display())]
    TooHigh(PathBuf),
    /// It is no snapshot, or a broken one.
    #[error("{path}: no snapshot of ours: {1}", path = .0.display())]
    Snapshot(PathBuf, String),
    /// No line of it reads like a dump.
    #[error(
        "{name}: none of its {lines} lines reads like a dump; known are U-Boot's md.q, md.l and md.b, gdb's x/gx and x/wx, QEMU's xp, hexdump -C, NuttX's mmu_ln_setentry"
    )]
    NoDump {
        /// What was read.
        name: String,
        /// How many lines it has.
        lines: usize,
    },
}
