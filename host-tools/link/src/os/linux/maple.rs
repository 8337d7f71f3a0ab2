//! Maple trees: the tree in which Linux keeps the mappings of a process, since 6.1.
//!
//! ```text
//! ma_root ── arange64 ── arange64 ── leaf64 ── vm_area_struct
//!            pivots and slots                  the lowest 8 bits of a pointer to a node say its kind
//! ```
//!
//! Source: Linux, include/linux/maple_tree.h.

use std::collections::HashSet;

use super::super::layouts::{Layouts, offset};
use super::super::{OsError, Virtual};

/// Most entries of one tree that are believed: ten times the default of vm.max_map_count.
const MOST_ENTRIES: usize = 1 << 20;
/// Most levels of a tree: ten slots at least on each of six are a million entries.
const MOST_LEVELS: u8 = 12;
/// Bytes of a node.
const NODE_BYTES: usize = 256;

/// Slots of a kind of node.
#[derive(Clone, Copy, Debug)]
struct NodeKind {
    slots_at: usize,
    slots: usize,
    is_leaf: bool,
}

/// Where slots are in each kind of node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maple {
    root: u64,
    range_slots_at: u64,
    arange_slots_at: u64,
    arange_slots: u64,
}

impl Maple {
    /// The layout of nodes; `None` for a kernel without such trees.
    pub fn of(layouts: &impl Layouts) -> Option<Maple> {
        let slots_at = offset(layouts, "maple_arange_64", "slot").ok()?;
        let gaps_at = layouts.member("maple_arange_64", "gap")?;
        Some(Maple {
            root: layouts.member("maple_tree", "ma_root")?,
            range_slots_at: layouts.member("maple_range_64", "slot")?,
            arange_slots_at: slots_at,
            arange_slots: gaps_at.checked_sub(slots_at)? / 8,
        })
    }

    /// Every entry of the tree at `tree`, by index.
    pub fn entries(&self, virt: &mut Virtual, tree: u64) -> Result<Vec<u64>, OsError> {
        let root = virt.word("maple_tree", tree.wrapping_add(self.root))?;
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        match is_node(root) {
            true => self.node(virt, root, MOST_LEVELS, &mut seen, &mut found)?,
            // A tree with one entry has no node.
            false if root != 0 => found.push(root),
            false => {}
        }
        Ok(found)
    }

    /// What kind of node a pointer leads to: `maple_dense`, `maple_leaf_64`, `maple_range_64`,
    /// `maple_arange_64`, counted from 0.
    fn kind(&self, pointer: u64) -> Option<NodeKind> {
        let range = NodeKind {
            slots_at: self.range_slots_at as usize,
            slots: NODE_BYTES.saturating_sub(self.range_slots_at as usize) / 8,
            is_leaf: false,
        };
        match pointer >> 3 & 0xf {
            1 => Some(NodeKind {
                is_leaf: true,
                ..range
            }),
            2 => Some(range),
            3 => Some(NodeKind {
                slots_at: self.arange_slots_at as usize,
                slots: self.arange_slots as usize,
                is_leaf: false,
            }),
            _ => None,
        }
    }

    fn node(
        &self,
        virt: &mut Virtual,
        pointer: u64,
        levels: u8,
        seen: &mut HashSet<u64>,
        found: &mut Vec<u64>,
    ) -> Result<(), OsError> {
        const WHAT: &str = "maple_node";
        let at = pointer & !(NODE_BYTES as u64 - 1);
        let damaged = |why: &str| Err(OsError::damaged(WHAT, why));
        let Some(kind) = self.kind(pointer) else {
            return damaged("a node of an unknown kind");
        };
        if levels == 0 || !seen.insert(at) || found.len() > MOST_ENTRIES {
            return damaged("the tree does not end");
        }
        let bytes = virt.bytes(WHAT, at, NODE_BYTES)?;
        let words: Vec<u64> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        // Behind the parent: one pivot less than slots. A pivot of 0 behind the first ends the node.
        let first = kind.slots_at / 8;
        for place in 0..kind.slots.min(words.len().saturating_sub(first)) {
            let is_last = place + 1 == kind.slots;
            let pivot = match is_last {
                true => u64::MAX,
                false => words.get(1 + place).copied().unwrap_or(0),
            };
            let slot = words[first + place];
            let is_over = place > 0 && pivot == 0;
            // Behind its last pivot a node may have numbers about itself: only an address is an entry.
            let is_entry = slot >> 63 == 1 && slot & 3 == 0;
            match (kind.is_leaf, is_node(slot)) {
                (true, _) if is_entry => found.push(slot),
                (false, true) => self.node(virt, slot, levels - 1, seen, found)?,
                _ => {}
            }
            if is_over || pivot == u64::MAX {
                break;
            }
        }
        Ok(())
    }
}

/// Whether an entry leads to a node: the lowest bits of a pointer to one are 10.
fn is_node(entry: u64) -> bool {
    entry & 3 == 2 && entry > 0xfff
}
