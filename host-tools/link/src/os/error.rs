//! Why the tasks of a system could not be read.

use thiserror::Error;

use crate::memory::ReadError;

/// Why the tasks of a system could not be read.
#[derive(Debug, Error)]
pub enum OsError {
    /// No system of those that are known was recognized.
    #[error(
        "no system was recognized in the memory; known are Linux with VMCOREINFO and BTF (6.0 and later), xv6 with its kernel's file (--elf), and a board that runs Pagewalk"
    )]
    NoSystem,
    /// The kernel does not export a symbol that is needed.
    #[error("the kernel has no symbol `{0}`; was it built without KALLSYMS_ALL or DEBUG_INFO_BTF?")]
    Symbol(String),
    /// The kernel's file has no debug information.
    #[error(
        "the kernel's file (--elf) has no debug information; give it as it was linked, with -g and not stripped"
    )]
    NoLayouts,
    /// Its debug information does not know a member of a structure.
    #[error("the kernel's debug information has no member `{1}` of `{0}`")]
    Member(&'static str, &'static str),
    /// An address is not mapped, or its memory is not there.
    #[error("{what}: nothing is mapped at {at:#x}, or it is not in the memory given")]
    Unmapped {
        /// What was read.
        what: &'static str,
        /// Its virtual address.
        at: u64,
    },
    /// A structure in memory contradicts itself.
    #[error("{what} is damaged, or was being changed: {why}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// How it contradicts itself.
        why: String,
    },
    /// The source of memory failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl OsError {
    pub(super) fn damaged(what: &'static str, why: impl Into<String>) -> OsError {
        let why = why.into();
        OsError::Damaged { what, why }
    }
}
