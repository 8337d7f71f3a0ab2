//! A single table: each entry, without following pointers.
//!
//! [`visit`](crate::visit()) follows every path to every table, as the MMU does. A reader that stores tables
//! needs each one once per level, however many paths and roots lead to it.

use crate::visit::{EMPTY, Table, leaves, words};
use crate::{Entry, Mapping, Memory, PhysAddr, Pte, Refusal, Root, Seen, Trouble};

/// A run of entries in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Entries that map pages. Addresses are relative to the first that the table translates; those of a root
    /// table are sign-extended, and therefore absolute.
    Mapping {
        /// Index of the first entry.
        index: u16,
        /// The mapping of the run.
        mapping: Mapping,
    },
    /// A pointer to a table of the next level.
    Pointer {
        /// Index of the entry.
        index: u16,
        /// Value of the entry.
        pte: Pte,
        /// Physical address of the table.
        to: PhysAddr,
    },
    /// An entry that the MMU rejects.
    Refused {
        /// Index of the entry.
        index: u16,
        /// Value of the entry.
        pte: Pte,
        /// Reason of the rejection.
        reason: Refusal,
    },
    /// Entries that are not in memory.
    Missing {
        /// Index of the first entry.
        index: u16,
        /// Number of entries.
        count: u16,
    },
}

/// Reports the entries of the table at `at`, read at `level`, in order; entries without V are skipped.
/// Returns the number of entries with V set, or `None` if no part of the table is in memory: then nothing was
/// reported.
pub fn scan<M: Memory + ?Sized>(
    memory: &mut M,
    root: Root,
    at: PhysAddr,
    level: u8,
    mut see: impl FnMut(Scanned),
) -> Option<u16> {
    let table = Table { at, level, va: 0 };
    match memory.page(at) {
        Some(page) if *page == EMPTY => Some(0),
        Some(page) if root.mode.entry_bytes() == 4 => {
            let words = words::<4, 1024>(page);
            Some(lent(root, table, &words, &mut see))
        }
        Some(page) => {
            let words = words::<8, 512>(page);
            Some(lent(root, table, &words, &mut see))
        }
        None => by_words(memory, root, table, &mut see),
    }
}

/// Scans a table that memory lends.
fn lent(root: Root, table: Table, words: &[u64], see: &mut impl FnMut(Scanned)) -> u16 {
    if table.level == 0 {
        return leaves(root, table, words, &mut |seen| match seen {
            Seen::Mapping(mapping) => see(Scanned::Mapping {
                index: root.mode.index(mapping.va, 0) as u16,
                mapping,
            }),
            Seen::Problem(problem) => {
                if let (Some(pte), Trouble::Refused(reason)) = (problem.entry, problem.trouble) {
                    let index = problem.index;
                    see(Scanned::Refused { index, pte, reason });
                }
            }
            Seen::Table(_) => {}
        });
    }
    let mut valid = 0;
    for (index, raw) in words.iter().enumerate() {
        if raw & Pte::VALID != 0 {
            valid += 1;
            entry(root, table, index, Pte::new(*raw), see);
        }
    }
    valid
}

/// Scans a table word by word: text dumps contain parts of tables.
fn by_words<M: Memory + ?Sized>(
    memory: &mut M,
    root: Root,
    table: Table,
    see: &mut impl FnMut(Scanned),
) -> Option<u16> {
    let bytes = root.mode.entry_bytes();
    let (mut missing, mut valid) = (None, 0);
    let mut known = false;
    let gap = |first: Option<usize>, end: usize, see: &mut dyn FnMut(Scanned)| {
        if let Some(first) = first {
            see(Scanned::Missing {
                index: first as u16,
                count: (end - first) as u16,
            });
        }
    };
    for index in 0..root.mode.entries() {
        let at = table.at.wrapping_add((index * bytes) as u64);
        let Ok(raw) = memory.read_word(at, bytes) else {
            missing = missing.or(Some(index));
            continue;
        };
        known = true;
        gap(missing.take(), index, see);
        let pte = Pte::new(raw);
        if pte.is_valid() {
            valid += 1;
            entry(root, table, index, pte, see);
        }
    }
    if !known {
        return None;
    }
    gap(missing, root.mode.entries(), see);
    Some(valid)
}

#[inline]
fn entry(root: Root, table: Table, index: usize, pte: Pte, see: &mut impl FnMut(Scanned)) {
    let place = index as u16;
    see(match pte.decode(root.mode, table.level, root.dialect) {
        Entry::Pointer(to) => Scanned::Pointer {
            index: place,
            pte,
            to,
        },
        Entry::Leaf(leaf) => Scanned::Mapping {
            index: place,
            mapping: table.mapping(root.mode, index, leaf, 1),
        },
        Entry::Refused(reason) => Scanned::Refused {
            index: place,
            pte,
            reason,
        },
    });
}
