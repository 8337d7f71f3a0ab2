//! What an open dump of physical memory consists of.
//!
//! Formats differ in what they know besides the memory: the width of registers, the root of the tables.

use pagetable::{PhysAddr, Xlen};

use super::vmcore::HartRegisters;
use super::vmcoreinfo::{NotedRoot, VmcoreInfo};
use super::{Files, MemorySource};

/// A dump of physical memory, open for reading.
pub struct PhysicalDump {
    /// Memory by physical address.
    pub memory: Box<dyn MemorySource>,
    /// Register width of the machine; `None` if the format does not say it.
    pub xlen: Option<Xlen>,
    /// First address that a truncated file lacks.
    pub cut_at: Option<PhysAddr>,
    /// Start and end of each range of memory, sorted by start.
    pub ranges: Vec<(PhysAddr, PhysAddr)>,
    /// The root of page tables that the dump knows.
    pub root: Option<NotedRoot>,
    /// Its VMCOREINFO; empty where it has none.
    pub info: VmcoreInfo,
    /// Registers of each hart, where the format keeps them.
    pub harts: Vec<HartRegisters>,
    /// What was left out or assumed, a sentence each.
    pub remarks: Vec<String>,
}

impl PhysicalDump {
    /// Memory about which nothing else is known.
    pub(super) fn of(memory: Files) -> PhysicalDump {
        PhysicalDump {
            ranges: memory.ranges().collect(),
            memory: Box::new(memory),
            xlen: None,
            cut_at: None,
            root: None,
            info: VmcoreInfo::default(),
            harts: Vec::new(),
            remarks: Vec::new(),
        }
    }
}
