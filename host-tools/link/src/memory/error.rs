//! Errors of reading and opening memory.

use std::io;
use std::path::PathBuf;

use pagetable::Outside;
use thiserror::Error;

/// Why bytes could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The source does not contain the address.
    #[error(transparent)]
    Outside(Outside),
    /// The board's agent returned an error.
    #[error(transparent)]
    Agent(crate::session::AgentError),
    /// The gdb stub returned an error.
    #[error(transparent)]
    Stub(crate::gdb::error::StubError),
    /// The probe returned an error.
    #[cfg(feature = "probe")]
    #[error(transparent)]
    Probe(Box<crate::probe::ProbeError>),
    /// The program at the other end of the pipe returned an error.
    #[error("the caller of the bridge returned no memory")]
    Pipe(#[source] io::Error),
    /// The file could not be read.
    #[error("{path}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
}

/// Why a file could not be opened as memory.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be opened or read.
    #[error("{path}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file is compressed, and cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] container::UnpackError),
    /// A core with virtual addresses only.
    #[error(
        "{path}: a core of virtual addresses (gdb's gcore, a process): it has no physical memory, in which tables are; QEMU's dump-guest-memory, or gdb's dump binary memory and --mem FILE@ADDR, write that",
        path = .0.display()
    )]
    VirtualCore(PathBuf),
    /// A dump of another format than ELF, damaged.
    #[error("{path}: {1}", path = .0.display())]
    Damaged(PathBuf, String),
    /// A line of S-records or Intel hex is not as its format demands.
    #[error("{name}: line {line}: {what}")]
    Record {
        /// Name of the input.
        name: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Not an ELF file, or a damaged one.
    #[error("{path}: {1}", path = .0.display())]
    Elf(PathBuf, String),
    /// An ELF file that is not a core.
    #[error("{path}: ELF type {1} is not a core (4); raw memory goes in with --mem FILE@ADDR", path = .0.display())]
    NotACore(PathBuf, u16),
    /// A core of another machine than RISC-V.
    #[error("{path}: core of ELF machine {1}, not of RISC-V (243)", path = .0.display())]
    Machine(PathBuf, u16),
    /// The core contains no memory.
    #[error("{path}: holds no memory", path = .0.display())]
    Empty(PathBuf),
    /// Its bytes would extend beyond the last physical address.
    #[error("{path}: reaches beyond the last physical address", path = .0.display())]
    TooHigh(PathBuf),
    /// Not a snapshot, or a damaged one.
    #[error("{path}: not a snapshot: {1}", path = .0.display())]
    Snapshot(PathBuf, String),
    /// Its first bytes say that it is neither a core nor text.
    #[error("{name}: {}; {}", .file.what, .file.advice.replace("FILE", .name))]
    Foreign {
        /// Name of the input.
        name: String,
        /// What it is.
        file: super::magic::ForeignFile,
    },
    /// No line has the format of a dump.
    #[error(
        "{name}: none of its {lines} lines reads like a dump; known are U-Boot's and OpenOCD's md, gdb's and QEMU's x, lldb, probe-rs, crash's rd, xxd, hexdump, od, Trace32, devmem, readmemh, gef and pwndbg, NuttX's xd and mmu_ln_setentry; words without addresses need FILE@0xADDR"
    )]
    NoDump {
        /// Name of the input.
        name: String,
        /// Number of its lines.
        lines: usize,
    },
}
