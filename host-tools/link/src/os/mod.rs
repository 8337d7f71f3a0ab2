//! Tasks of a target's operating system, read out of its memory.
//!
//! ```text
//! memory ── symbols ── layouts of structures ── the list of tasks ── a root of page tables each
//!           kallsyms,   BTF, or
//!           or --elf    DWARF of --elf
//! ```
//!
//! Offsets come from the kernel's own debug information, never from a table of versions. To add a system: a file
//! with its [`OsSystem`], and a row in [`SYSTEMS`].

mod btf;
mod dwarf;
mod error;
mod kallsyms;
mod kernel_file;
mod layouts;
mod linux;
mod part;
mod reader;
pub mod stack;
mod xv6;

pub use error::OsError;
pub use kernel_file::KernelFile;
pub use layouts::Layouts;
pub use reader::{KernelReader, Virtual};

use pagetable::{PhysAddr, Satp};

use crate::memory::vmcore::CoreRange;
use crate::memory::{PhysRange, VmcoreInfo};

/// A task of any system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsTask {
    /// Its number, as the system's own tools print it.
    pub pid: u64,
    /// Its name; in brackets where it is the kernel's own.
    pub name: String,
    /// Its state, as a word.
    pub state: &'static str,
    /// The root of its page tables; `None` if it has none of its own.
    pub satp: Option<Satp>,
    /// Bytes of memory that are its own or mapped by it, as the system counts them.
    pub resident_bytes: Option<u64>,
    /// Bytes of its page tables, as the system counts them.
    pub table_bytes: Option<u64>,
    /// Number of its page faults.
    pub faults: Option<u64>,
    /// Address of the system's record of it, by which [`OsSystem::mappings`] finds it again.
    pub record: u64,
}

/// What a task's registers were when it was switched away from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedRegisters {
    /// Where it goes on.
    pub pc: u64,
    /// `x2`.
    pub sp: u64,
    /// `x8`, the frame pointer where the kernel was built with one.
    pub fp: u64,
}

/// Virtual addresses with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtArea {
    /// First and last virtual address.
    pub bounds: (u64, u64),
    /// What lies there: an area of the kernel, a file, `[stack]`.
    pub name: String,
}

/// An operating system that was found in a target's memory.
pub trait OsSystem {
    /// Its name and version, for a note.
    fn name(&self) -> String;

    /// The root of the kernel's own tables.
    fn kernel(&self) -> Satp;

    /// All tasks, in the order of the system's own list.
    fn tasks(&self, memory: &mut dyn KernelReader) -> Result<Vec<OsTask>, OsError>;

    /// The virtual address at which the kernel maps all of memory, for a physical one.
    fn linear(&self, at: PhysAddr) -> Option<u64>;

    /// Where the kernel's own image is mapped, beside the linear map.
    fn image(&self) -> Option<CoreRange>;

    /// A note that other programs recognize the system by: its name and text.
    fn note(&self) -> Option<(&'static str, Vec<u8>)>;

    /// Areas of the kernel's half, in any order.
    fn areas(&self) -> Vec<VirtArea>;

    /// Functions of the kernel that contain addresses, with the offset in each, where it keeps their names itself.
    fn functions(
        &self,
        memory: &mut dyn KernelReader,
        addresses: &[u64],
    ) -> Result<Vec<Option<(String, u64)>>, OsError>;

    /// The mappings of a task as the system knows them, by address.
    fn mappings(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Vec<VirtArea>, OsError>;

    /// The registers of a task in the kernel; `None` for one that runs, or has ended.
    fn saved(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Option<SavedRegisters>, OsError>;
}

/// What is known of a target before its system is.
pub struct Hints<'a> {
    /// Its RAM, or what of it a dump has.
    pub ram: &'a [PhysRange],
    /// The text of a VMCOREINFO that a dump came with; empty without one.
    pub info: &'a VmcoreInfo,
    /// The file that the kernel was linked to, if there is one.
    pub program: Option<&'a KernelFile>,
}

/// A system, as a user names it.
pub struct SystemRow {
    /// Its name on the command line.
    pub name: &'static str,
    /// Looks for it; `None` if this is another system.
    find: Find,
}

type Find = fn(&mut dyn KernelReader, &Hints) -> Result<Option<Box<dyn OsSystem>>, OsError>;

/// All systems that are known; those that symbols of the kernel's file identify first.
pub const SYSTEMS: &[SystemRow] = &[
    SystemRow {
        name: "xv6",
        find: xv6::find,
    },
    SystemRow {
        name: "linux",
        find: linux::find,
    },
];

/// Finds the system of a target: the one with that name, or any.
pub fn find(
    memory: &mut dyn KernelReader,
    hints: &Hints,
    name: Option<&str>,
) -> Result<Box<dyn OsSystem>, OsError> {
    let rows = SYSTEMS
        .iter()
        .filter(|row| name.is_none_or(|name| row.name == name));
    for row in rows {
        if let Some(system) = (row.find)(memory, hints)? {
            return Ok(system);
        }
    }
    Err(OsError::NoSystem)
}
