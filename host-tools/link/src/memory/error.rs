//! What can go wrong with somebody's memory.

use std::fmt;
use std::io;
use std::path::PathBuf;

use pagetable::Outside;

/// Why bytes could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The dump does not hold them.
    Outside(Outside),
    /// The board's agent did not tell.
    Agent(crate::session::AgentError),
    /// The gdb stub did not tell.
    Stub(crate::gdb::StubError),
    /// The probe did not tell.
    #[cfg(feature = "probe")]
    Probe(Box<crate::probe::ProbeError>),
    /// The program at the other end of the pipe did not.
    Pipe(io::Error),
    /// The file that should hold them did not give them.
    File(PathBuf, io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Outside(outside) => outside.fmt(f),
            ReadError::File(path, error) => write!(f, "{}: {error}", path.display()),
            ReadError::Agent(error) => error.fmt(f),
            ReadError::Stub(error) => error.fmt(f),
            #[cfg(feature = "probe")]
            ReadError::Probe(error) => error.fmt(f),
            ReadError::Pipe(error) => write!(f, "whoever asked gives no memory: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Why a file is not the memory it was said to be.
#[derive(Debug)]
pub enum OpenError {
    /// It cannot be opened or read.
    File(PathBuf, io::Error),
    /// It is no ELF file, or a broken one.
    Elf(PathBuf, String),
    /// It is an ELF file of another type than a core.
    NotACore(PathBuf, u16),
    /// It is the core of another machine than RISC-V.
    Machine(PathBuf, u16),
    /// It holds no memory at all.
    Empty(PathBuf),
    /// Its bytes would lie beyond the last physical address.
    TooHigh(PathBuf),
    /// It is no snapshot, or a broken one.
    Snapshot(PathBuf, String),
    /// No line of it reads like a dump.
    NoDump {
        /// What was read.
        name: String,
        /// How many lines it has.
        lines: usize,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::File(path, error) => write!(f, "{}: {error}", path.display()),
            OpenError::Elf(path, what) => write!(f, "{}: {what}", path.display()),
            OpenError::NotACore(path, kind) => write!(
                f,
                "{}: ELF type {kind} is no core (4); raw memory goes in with --mem FILE@ADDR",
                path.display()
            ),
            OpenError::Machine(path, machine) => write!(
                f,
                "{}: core of ELF machine {machine}, not of RISC-V (243)",
                path.display()
            ),
            OpenError::Empty(path) => write!(f, "{}: holds no memory", path.display()),
            OpenError::TooHigh(path) => write!(
                f,
                "{}: reaches beyond the last physical address",
                path.display()
            ),
            OpenError::Snapshot(path, what) => {
                write!(f, "{}: no snapshot of ours: {what}", path.display())
            }
            OpenError::NoDump { name, lines } => write!(
                f,
                "{name}: none of its {lines} lines reads like a dump; known are U-Boot's md.q, \
                 md.l and md.b, gdb's x/gx and x/wx, QEMU's xp, hexdump -C, NuttX's mmu_ln_setentry"
            ),
        }
    }
}

impl std::error::Error for OpenError {}
