//! Builds the tables that a listing describes.
//!
//! Entries that are printed with their tables lie where they lay. For ranges, tables are made at the upper end
//! of physical memory, where no machine has any, with the largest pages that fit if the listing does not say
//! their size.

use std::collections::HashMap;

use pagetable::{Mode, PhysAddr, Pte, Satp, VirtAddr, Xlen};
use thiserror::Error;

use super::super::Sparse;
use super::printed::{PrintedRange, PrintedSpace};

/// Most tables that are made: 32 MiB of them.
const MOST_TABLES: usize = 1 << 13;
/// Most leaf entries that are made, so that a damaged length ends.
const MOST_ENTRIES: u64 = 1 << 20;
/// Room below the end of physical memory in which tables are made.
const ROOM: u64 = 1 << 30;

/// Tables in memory, and their roots.
pub struct BuiltTables {
    /// Memory with the tables alone.
    pub memory: Sparse,
    /// A root for each space, with its name.
    pub roots: Vec<(String, Satp)>,
    /// What was chosen or left out, a sentence each.
    pub remarks: Vec<String>,
}

/// Why a listing makes no tables.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListingError {
    /// An address needs more bits than the mode has.
    #[error("virtual address {va:#x} of the listing is none of {mode}; --mode says which it is")]
    Address {
        /// The address as it is printed.
        va: u64,
        /// Name of the mode.
        mode: &'static str,
    },
    /// A range that begins or ends within a page.
    #[error("the range of the listing at {0:#x} is not of whole pages")]
    Unaligned(u64),
    /// More entries or tables than are made.
    #[error("the listing needs more than {MOST_TABLES} tables or {MOST_ENTRIES} entries")]
    TooMany,
}

/// Builds tables for all spaces of a listing. `mode` and `root` of the first space are chosen by the caller
/// where it knows them.
pub fn build(
    spaces: &[PrintedSpace],
    mode: Option<Mode>,
    root: Option<PhysAddr>,
) -> Result<BuiltTables, ListingError> {
    let mut made = BuiltTables {
        memory: Sparse::default(),
        roots: Vec::new(),
        remarks: Vec::new(),
    };
    let mut builder = Builder::default();
    let mut is_size_chosen = false;
    for (place, space) in spaces.iter().enumerate() {
        let satp = space.satp.and_then(|satp| {
            let xlen = if space.is_32 { Xlen::Rv32 } else { Xlen::Rv64 };
            Satp::decode(satp, xlen)
                .ok()
                .filter(|satp| satp.mode != Mode::Bare)
        });
        let mode = mode
            .or(satp.map(|satp| satp.mode))
            .or(space.mode)
            .unwrap_or_else(|| mode_of(space));
        let root = root
            .filter(|_| place == 0 && space.root.is_none())
            .or(satp.map(|satp| satp.root))
            .or(space.root.map(PhysAddr::new));
        builder.mode = mode;
        if let Some(first) = space.tables_at {
            (builder.first, builder.next) = (Some(first), 0);
        }
        let root = match root {
            Some(root) => builder.table_at(root.raw())?,
            None => builder.new_table()?,
        };
        for entry in &space.entries {
            let table = builder.table_at(entry.table.unwrap_or(root))?;
            // A pointer leads to a table even if none of its entries is printed.
            let pte = Pte::new(entry.pte);
            if pte.is_pointer() {
                builder.table_at(pte.target(mode).raw())?;
            }
            builder.put(table, entry.index as usize, entry.pte);
        }
        for range in &space.ranges {
            is_size_chosen |= range.page.is_none();
            builder.range(root, range)?;
        }
        made.roots.push((
            space.name.clone(),
            Satp {
                mode,
                asid: satp.map_or(0, |satp| satp.asid),
                root: PhysAddr::new(root),
            },
        ));
    }
    if spaces.iter().any(|space| !space.ranges.is_empty()) {
        made.remarks.push(match is_size_chosen {
            true => "it prints neither tables nor page sizes: the largest pages that fit are assumed, and where entries lie is chosen".to_owned(),
            false => "it prints no tables: where entries lie is chosen".to_owned(),
        });
    }
    if let Some(va) = builder.twice {
        made.remarks
            .push(format!("{va:#x} is listed twice: the first counts"));
    }
    for (at, table) in &builder.tables {
        made.memory.put(*at, &table[..]);
    }
    Ok(made)
}

/// The mode with the fewest levels that has all addresses.
fn mode_of(space: &PrintedSpace) -> Mode {
    if space.is_32 {
        return Mode::Sv32;
    }
    let fits = |mode: &Mode| {
        let last = |range: &PrintedRange| range.va.wrapping_add(range.bytes.saturating_sub(1));
        let ends = space
            .ranges
            .iter()
            .flat_map(|range| [range.va, last(range)]);
        ends.map(VirtAddr::new).all(|va| mode.canonical(va))
    };
    let wide = [Mode::Sv39, Mode::Sv48, Mode::Sv57];
    wide.into_iter().find(fits).unwrap_or(Mode::Sv57)
}

/// Tables that are being made.
struct Builder {
    mode: Mode,
    tables: HashMap<u64, Box<[u8; 4096]>>,
    /// Where tables are made, if that is not the end of physical memory.
    first: Option<u64>,
    next: u64,
    entries: u64,
    twice: Option<u64>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            mode: Mode::Sv39,
            tables: HashMap::new(),
            first: None,
            next: 0,
            entries: 0,
            twice: None,
        }
    }
}

impl Builder {
    fn table_at(&mut self, at: u64) -> Result<u64, ListingError> {
        if self.tables.len() >= MOST_TABLES && !self.tables.contains_key(&at) {
            return Err(ListingError::TooMany);
        }
        self.tables.entry(at).or_insert_with(|| Box::new([0; 4096]));
        Ok(at)
    }

    fn new_table(&mut self) -> Result<u64, ListingError> {
        loop {
            let first = self.first.unwrap_or((1 << self.mode.pa_bits()) - ROOM);
            let at = first + self.next * 4096;
            self.next += 1;
            if !self.tables.contains_key(&at) {
                return self.table_at(at);
            }
        }
    }

    fn entry(&self, table: u64, index: usize) -> u64 {
        let (width, mut bytes) = (self.mode.entry_bytes(), [0; 8]);
        if let Some(table) = self.tables.get(&table) {
            bytes[..width].copy_from_slice(&table[index * width..(index + 1) * width]);
        }
        u64::from_le_bytes(bytes)
    }

    fn put(&mut self, table: u64, index: usize, pte: u64) {
        let width = self.mode.entry_bytes();
        if let Some(table) = self.tables.get_mut(&table) {
            table[index * width..(index + 1) * width].copy_from_slice(&pte.to_le_bytes()[..width]);
        }
    }

    /// Maps a range, page by page.
    fn range(&mut self, root: u64, range: &PrintedRange) -> Result<(), ListingError> {
        const PAGE: u64 = 4096;
        if !(range.va | range.pa | range.bytes).is_multiple_of(PAGE) {
            return Err(ListingError::Unaligned(range.va));
        }
        let last = range.va.wrapping_add(range.bytes.saturating_sub(1));
        for va in [range.va, last] {
            if !self.mode.canonical(VirtAddr::new(va)) {
                let mode = self.mode.name();
                return Err(ListingError::Address { va, mode });
            }
        }
        let mut done = 0;
        while done < range.bytes {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(ListingError::TooMany);
            }
            let (va, pa) = (range.va.wrapping_add(done), range.pa.wrapping_add(done));
            let left = range.bytes - done;
            let level = self.level(range, va, pa, left);
            self.leaf(root, VirtAddr::new(va), level, pa, range.flags)?;
            done += self.mode.leaf_bytes(level).min(left);
        }
        Ok(())
    }

    /// The level of the largest page that fits, or of the printed size.
    fn level(&self, range: &PrintedRange, va: u64, pa: u64, left: u64) -> u8 {
        let levels = (0..self.mode.levels()).rev();
        let mut fitting = levels.filter(|level| {
            let bytes = self.mode.leaf_bytes(*level);
            let is_wanted = range.page.is_none_or(|page| bytes <= page.max(4096));
            is_wanted && (va | pa).is_multiple_of(bytes) && bytes <= left
        });
        fitting.next().unwrap_or(0)
    }

    fn leaf(
        &mut self,
        root: u64,
        va: VirtAddr,
        level: u8,
        pa: u64,
        flags: u64,
    ) -> Result<(), ListingError> {
        let mut table = root;
        for above in (level + 1..self.mode.levels()).rev() {
            let index = self.mode.index(va, above);
            let pte = Pte::new(self.entry(table, index));
            table = match (pte.is_pointer(), pte.is_valid()) {
                (true, _) => pte.target(self.mode).raw(),
                (false, true) => {
                    self.twice.get_or_insert(va.raw());
                    return Ok(());
                }
                (false, false) => {
                    let below = self.new_table()?;
                    let pointer = Pte::pointer(self.mode, PhysAddr::new(below));
                    self.put(table, index, pointer.raw());
                    below
                }
            };
        }
        let index = self.mode.index(va, level);
        let is_napot =
            flags >> 63 == 1 && flags >> 59 & 0b11 == 0 && level == 0 && self.mode != Mode::Sv32;
        // Svnapot: the lowest bits of the page number of a page of 64 KiB are 1000.
        let pa = match is_napot {
            true => pa & !0xffff | 0x8000,
            false => pa,
        };
        let pte = Pte::leaf(self.mode, PhysAddr::new(pa), flags | Pte::VALID).raw();
        let before = self.entry(table, index);
        if before != 0 && before != pte {
            self.twice.get_or_insert(va.raw());
            return Ok(());
        }
        self.put(table, index, pte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Cached;
    use super::*;
    use pagetable::{Dialect, translate};

    fn mapped(ranges: Vec<PrintedRange>, va: u64) -> Option<(u64, u64)> {
        let space = PrintedSpace {
            ranges,
            ..PrintedSpace::default()
        };
        let built = build(&[space], None, None).unwrap();
        let root = built.roots[0].1.tree(Dialect::Svpbmt);
        let mut memory = Cached::new(built.memory);
        let walk = translate(&mut memory, root, VirtAddr::new(va));
        let page = 1 << built.roots[0].1.mode.leaf_shift(walk.steps().last()?.level);
        Some((walk.address()?.raw(), page))
    }

    fn range(va: u64, pa: u64, bytes: u64, page: Option<u64>) -> PrintedRange {
        PrintedRange {
            va,
            pa,
            bytes,
            flags: Pte::READ | Pte::ACCESSED,
            page,
        }
    }

    #[test]
    fn a_range_is_mapped_with_the_largest_pages_that_fit_or_those_that_are_printed() {
        let high = 0xffff_ffc0_8000_0000;
        let whole = range(high, 0x8000_0000, 0x40_2000, None);
        assert_eq!(
            mapped(vec![whole], high + 0x20_0123),
            Some((0x8020_0123, 0x20_0000))
        );
        assert_eq!(
            mapped(vec![whole], high + 0x40_1fff),
            Some((0x8040_1fff, 0x1000))
        );
        assert_eq!(mapped(vec![whole], high + 0x40_2000), None);
        let small = range(high, 0x8000_0000, 0x40_0000, Some(0x1000));
        assert_eq!(
            mapped(vec![small], high + 0x20_0000),
            Some((0x8020_0000, 0x1000))
        );
        // The last page of all addresses.
        let last = range(0xffff_ffff_ffff_f000, 0x1000, 0x1000, None);
        assert_eq!(mapped(vec![last], u64::MAX), Some((0x1fff, 0x1000)));
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        let built = |range, mode| {
            let space = PrintedSpace {
                ranges: vec![range],
                ..PrintedSpace::default()
            };
            build(&[space], mode, None).map(|_| ()).unwrap_err()
        };
        let odd = built(range(0x10, 0, 0x1000, None), None);
        assert_eq!(odd, ListingError::Unaligned(0x10));
        let far = built(range(1 << 40, 0, 0x1000, None), Some(Mode::Sv39));
        assert!(matches!(far, ListingError::Address { .. }));
        let many = built(range(0, 0, 1 << 46, Some(0x1000)), None);
        assert_eq!(many, ListingError::TooMany);
    }
}
