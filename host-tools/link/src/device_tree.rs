//! Names of physical addresses in a flattened device tree.
//!
//! A node's `reg` is an address of its parent bus; `ranges` of each bus above leads it to the CPU's (Devicetree
//! Specification 0.4, 2.3.6 and 2.3.8). A bus without `ranges` (I²C, the CPUs) has no addresses of memory.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};
use thiserror::Error;

use crate::memory::PhysRange;

/// Most names that are kept of one tree.
const MOST_NAMES: usize = 4096;
/// Deepest node that is looked into; trees of boards have six levels.
const DEEPEST: usize = 32;

/// What a device tree says about addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceTree {
    /// RAM, of the `memory` nodes.
    pub memory: Vec<PhysRange>,
    /// Memory that others hold, of `/reserved-memory`.
    pub reserved: Vec<PhysRange>,
    /// Every address range of a node, with the node's name.
    pub names: Vec<(String, PhysRange)>,
}

/// Why a file is no device tree.
#[derive(Debug, Error)]
pub enum DeviceTreeError {
    /// The header or the structure is wrong.
    #[error("not a flattened device tree ({0}); `dtc -I dts -O dtb` compiles one from its source")]
    Malformed(String),
}

/// Reads a flattened device tree (DTB).
pub fn read(bytes: &[u8]) -> Result<DeviceTree, DeviceTreeError> {
    let tree = Fdt::new(bytes).map_err(|wrong| DeviceTreeError::Malformed(wrong.to_string()))?;
    let mut found = DeviceTree::default();
    walk(&tree.root(), &[], 0, &mut found);
    Ok(found)
}

/// One row of a bus' `ranges`.
#[derive(Clone, Copy)]
struct Window {
    child: u64,
    parent: u64,
    bytes: u64,
}

/// What leads from a bus to its parent.
#[derive(Clone)]
enum Bus {
    /// Addresses are the parent's: `ranges` is empty, or the bus is the root.
    Same,
    /// Addresses lie in windows.
    Windows(Vec<Window>),
}

/// The buses above a node, from the root, lead an address to the CPU's.
fn to_cpu(buses: &[Bus], mut at: u64, bytes: u64) -> Option<PhysRange> {
    for bus in buses.iter().rev() {
        at = match bus {
            Bus::Same => at,
            Bus::Windows(windows) => windows.iter().find_map(|window| {
                let offset = at.checked_sub(window.child)?;
                (offset < window.bytes).then(|| window.parent.checked_add(offset))?
            })?,
        };
    }
    PhysRange::of(at, bytes)
}

/// The bus that a node is for its children; `None` if their addresses are not of memory.
fn bus_of(node: &FdtNode<'_>, depth: usize) -> Option<Bus> {
    if depth == 0 {
        return Some(Bus::Same);
    }
    let property = node.property("ranges")?;
    if property.value().is_empty() {
        return Some(Bus::Same);
    }
    let rows = node.ranges().ok()??;
    let window = |row: dtoolkit::standard::Range<'_>| {
        Some(Window {
            // A PCI address has three cells: the first is no part of the number.
            child: row.child_bus_address().ok()?,
            parent: row.parent_bus_address().ok()?,
            bytes: row.length().ok()?,
        })
    };
    Some(Bus::Windows(rows.filter_map(window).collect()))
}

/// Notes the addresses of all children of a node, then of theirs.
fn walk(node: &FdtNode<'_>, above: &[Bus], depth: usize, found: &mut DeviceTree) {
    let Some(bus) = bus_of(node, depth).filter(|_| depth < DEEPEST) else {
        return;
    };
    let mut buses = above.to_vec();
    buses.push(bus);
    let is_reserved = depth == 1 && node.name() == "reserved-memory";
    for child in node.children() {
        let is_memory = depth == 0 && child.name_without_address() == "memory";
        let name = child.name().to_owned();
        for row in child.reg().ok().flatten().into_iter().flatten() {
            let (Ok(at), Ok(bytes)) = (row.address::<u64>(), row.size::<u64>()) else {
                continue;
            };
            let Some(range) = to_cpu(&buses, at, bytes) else {
                continue;
            };
            if found.names.len() < MOST_NAMES {
                found.names.push((name.clone(), range));
            }
            if is_memory {
                found.memory.push(range);
            } else if is_reserved {
                found.reserved.push(range);
            }
        }
        walk(&child, &buses, depth + 1, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[u8] = include_bytes!("../../cli/tests/captures/names.dtb");

    #[test]
    fn a_bus_moves_addresses_and_one_without_ranges_has_none() {
        let tree = read(NAMES).unwrap();
        let listed: Vec<_> = tree
            .names
            .iter()
            .map(|(name, at)| (&**name, at.first))
            .collect();
        assert_eq!(
            listed,
            [
                ("memory@80000000", 0x8000_0000),
                ("firmware@80000000", 0x8000_0000),
                ("serial@0", 0x1000_0000),
                ("i2c@1000", 0x1000_1000),
                ("plic@c000000", 0xc00_0000),
            ]
        );
        assert_eq!(
            tree.memory,
            [PhysRange::of(0x8000_0000, 128 << 20).unwrap()]
        );
        assert_eq!(
            tree.reserved,
            [PhysRange::of(0x8000_0000, 0x8_0000).unwrap()]
        );
    }

    #[test]
    fn damaged_trees_are_refused_or_read_and_never_panic() {
        for at in 0..NAMES.len() {
            let _ = read(&NAMES[..at]);
            for bit in 0..8 {
                let mut bytes = NAMES.to_vec();
                bytes[at] ^= 1 << bit;
                let _ = read(&bytes);
            }
        }
    }
}
