//! Page tables as others print them: QEMU's `info mem`, xv6's `vmprint`, Linux's `kernel_page_tables`.
//!
//! ```text
//! text --> a dialect: ranges, or entries where they lie --> tables in memory --> walk, map, diff, lint
//! ```
//!
//! A list of ranges has no entries, so tables are built that map the same. What the list does not say (where its
//! tables lie, often the size of a page) is chosen here, and said. To add a dialect: a file with its
//! `read`, and a row in [`DIALECTS`].

mod build;
mod info_mem;
mod own;
mod printed;
mod ptdump;
mod vmprint;
mod xous;

pub use build::{BuiltTables, ListingError, build};
pub use printed::{Listing, PrintedEntry, PrintedRange, PrintedSpace};

/// One way to print tables.
pub struct ListingDialect {
    /// What prints it, as messages name it.
    pub name: &'static str,
    read: fn(&str) -> Vec<PrintedSpace>,
}

/// Every dialect, in the order in which they are asked.
pub const DIALECTS: &[ListingDialect] = &[
    ListingDialect {
        name: "QEMU's info mem",
        read: info_mem::read,
    },
    ListingDialect {
        name: "xv6's vmprint",
        read: vmprint::read,
    },
    ListingDialect {
        name: "Xous' memory map",
        read: xous::read,
    },
    ListingDialect {
        name: "Linux's page table dump",
        read: ptdump::read,
    },
    ListingDialect {
        name: "a map of pagewalk, as JSON",
        read: own::read_json,
    },
    ListingDialect {
        name: "a map of pagewalk, as CSV",
        read: own::read_csv,
    },
];

/// Longest text that is looked through for a listing: a dump may be a hundred times as long.
const MOST_TEXT: usize = 64 << 20;
/// What is looked at of a text before it is read in full.
const LOOKED_AT: usize = 1 << 16;

/// The tables that a text lists, in the first dialect that knows one of its lines.
pub fn read(text: &[u8]) -> Option<Listing> {
    if text.len() > MOST_TEXT {
        return None;
    }
    let text = crate::text::utf8(text);
    // Colours of a terminal; every dialect reads words in a line wherever they stand.
    let text = crate::text::plain(&text);
    let text = String::from_utf8_lossy(&text);
    let begin = &text[..text.floor_char_boundary(LOOKED_AT)];
    DIALECTS.iter().find_map(|dialect| {
        // JSON is one piece, whose beginning alone is none.
        let is_likely = begin.len() == text.len()
            || text.trim_start().starts_with('{')
            || !(dialect.read)(begin).is_empty();
        let spaces = is_likely.then(|| (dialect.read)(&text))?;
        let what = dialect.name;
        (!spaces.is_empty()).then_some(Listing { what, spaces })
    })
}
