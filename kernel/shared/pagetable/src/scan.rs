//! One table by itself: what each of its entries is, without following a pointer.
//!
//! [`visit`](crate::visit()) follows every way to every table, as the MMU does. Whoever keeps what
//! a table says needs it once for each level that the table is read at, however many ways, and
//! however many roots, lead there.

use crate::visit::{EMPTY, Table, leaves, words};
use crate::{Entry, Mapping, Memory, PhysAddr, Pte, Refusal, Root, Seen, Trouble};

/// What some entries of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// They map pages. Addresses count from the first that the table translates; those of the
    /// root's table are sign-extended, and so as the hart has them.
    Mapping {
        /// The first entry.
        index: u16,
        /// What it and those behind it map.
        mapping: Mapping,
    },
    /// It points to the next table.
    Pointer {
        /// Which entry.
        index: u16,
        /// The entry.
        pte: Pte,
        /// The table.
        to: PhysAddr,
    },
    /// The MMU refuses it.
    Refused {
        /// Which entry.
        index: u16,
        /// The entry.
        pte: Pte,
        /// Why.
        reason: Refusal,
    },
    /// They are not in memory.
    Missing {
        /// The first entry.
        index: u16,
        /// How many.
        count: u16,
    },
}

/// Reports the entries of the table at `at`, read at `level`, in order; entries without V are not
/// reported. Answers how many have V set, or `None` if nothing of the table is in memory: then
/// nothing was reported.
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

/// A table that memory lends.
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

/// A table word by word: text dumps hold parts of tables.
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
