//! What a listing says, before it is tables.

use pagetable::Mode;

/// All that was read from a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The program or command that printed it.
    pub what: &'static str,
    /// Address spaces, at least one.
    pub spaces: Vec<PrintedSpace>,
}

impl Listing {
    /// Ranges and entries of all spaces.
    pub fn mappings(&self) -> usize {
        let of = |space: &PrintedSpace| space.ranges.len() + space.entries.len();
        self.spaces.iter().map(of).sum()
    }
}

/// One address space, as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrintedSpace {
    /// Its name in the listing; empty if it has none.
    pub name: String,
    /// Value of `satp`, if it is printed.
    pub satp: Option<u64>,
    /// Address of the root table, if it is printed.
    pub root: Option<u64>,
    /// Where tables are made one after the other, root first; at the end of physical memory if nothing is said.
    pub tables_at: Option<u64>,
    /// The mode, if the form of the listing decides it.
    pub mode: Option<Mode>,
    /// Whether addresses have 32 bits.
    pub is_32: bool,
    /// Ranges that are mapped, without tables.
    pub ranges: Vec<PrintedRange>,
    /// Entries at the places where they lie.
    pub entries: Vec<PrintedEntry>,
}

impl PrintedSpace {
    /// Whether neither a range nor an entry was read.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.entries.is_empty()
    }

    /// The space of a list with a range on each line that `range` can read, and whether that line is of RV32; no
    /// space where there is no such line. A list may have been printed more than once.
    pub fn of_lines(
        text: &str,
        range: impl Fn(&str) -> Option<(PrintedRange, bool)>,
    ) -> Vec<PrintedSpace> {
        let mut space = PrintedSpace::default();
        for (range, is_32) in text.lines().filter_map(range) {
            space.is_32 |= is_32;
            space.ranges.push(range);
        }
        match space.is_empty() {
            true => Vec::new(),
            false => vec![space],
        }
    }
}

/// A range that is mapped with equal flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintedRange {
    /// First virtual address.
    pub va: u64,
    /// Physical address of the first byte.
    pub pa: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Bits of a leaf entry without its page number; V is added.
    pub flags: u64,
    /// Size in bytes of its pages, if it is printed.
    pub page: Option<u64>,
}

/// An entry of a table whose address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintedEntry {
    /// Address of the table; `None` for a root that is not printed.
    pub table: Option<u64>,
    /// Index in the table, from 0.
    pub index: u64,
    /// Value of the entry.
    pub pte: u64,
}

/// The flag that a letter of `rwxugad` stands for.
pub(super) fn flag(letter: char) -> Option<u64> {
    use pagetable::Pte;
    Some(match letter.to_ascii_lowercase() {
        'v' => Pte::VALID,
        'r' => Pte::READ,
        'w' => Pte::WRITE,
        'x' => Pte::EXEC,
        'u' => Pte::USER,
        'g' => Pte::GLOBAL,
        'a' => Pte::ACCESSED,
        'd' => Pte::DIRTY,
        _ => return None,
    })
}

/// Seven letters `rwxugad`, each itself or a hyphen.
pub(super) fn letters(text: &str) -> Option<u64> {
    let mut flags = 0;
    let mut expected = "rwxugad".chars();
    for letter in text.chars() {
        let here = expected.next()?;
        match letter {
            '-' => {}
            letter if letter == here => flags |= flag(letter)?,
            _ => return None,
        }
    }
    expected.next().is_none().then_some(flags)
}

/// A number of hexadecimal digits, with or without `0x`.
pub(super) fn hex(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(digits, 16).ok())?
}
