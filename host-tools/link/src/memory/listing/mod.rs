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

/// Columns of terminals.
const WIDTHS: [usize; 4] = [80, 100, 120, 132];

/// Without the marks of a mail, and without fences of Markdown around the text; every dialect reads words in a line
/// wherever they stand.
fn unquoted(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for mut line in text.lines().filter(|line| !line.starts_with("```")) {
        while let Some(rest) = line.strip_prefix('>') {
            line = rest.strip_prefix(' ').unwrap_or(rest);
        }
        lines.push_str(line);
        lines.push('\n');
    }
    lines
}

/// Lines as they were before a terminal broke them: where none is longer than one is wide, those that fill it go on. `None`
/// where none does.
fn rejoined(text: &str) -> Option<String> {
    let longest = text.lines().map(str::len).max().unwrap_or_default();
    if !WIDTHS.contains(&longest) {
        return None;
    }
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        joined.push_str(line);
        if line.len() != longest {
            joined.push('\n');
        }
    }
    Some(joined)
}

/// The tables that a text lists, in the first dialect that knows one of its lines.
pub fn read(text: &[u8]) -> Option<Listing> {
    if text.len() > MOST_TEXT {
        return None;
    }
    let text = super::text::unfolded_text(text);
    let text = unquoted(&String::from_utf8_lossy(&text));
    let whole = rejoined(&text).and_then(|text| listed(&text));
    let listing = listed(&text);
    // A line may happen to be as long as a terminal is wide.
    match (whole, listing) {
        (Some(whole), Some(listing)) if whole.mappings() <= listing.mappings() => Some(listing),
        (whole, listing) => whole.or(listing),
    }
}

/// What the first dialect reads that knows one of the lines.
fn listed(text: &str) -> Option<Listing> {
    let begin = &text[..text.floor_char_boundary(LOOKED_AT)];
    DIALECTS.iter().find_map(|dialect| {
        // JSON is one piece, whose beginning alone is none.
        let is_likely = begin.len() == text.len()
            || text.trim_start().starts_with('{')
            || !(dialect.read)(begin).is_empty();
        let spaces = is_likely.then(|| (dialect.read)(text))?;
        let what = dialect.name;
        (!spaces.is_empty()).then_some(Listing { what, spaces })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTDUMP: &str = "\
---[ Linear mapping ]---
0xffffffd800000000-0xffffffd800200000    0x0000000080000000         2M PMD     D A G . . W R V
0xffffffd800200000-0xffffffd800201000    0x0000000080200000         4K PTE     D A G . X . R V
";

    fn ranges(text: &str) -> usize {
        let listing = read(text.as_bytes()).expect(text);
        listing.spaces.iter().map(|space| space.ranges.len()).sum()
    }

    #[test]
    fn a_list_is_the_same_behind_a_terminals_edge_a_mail_or_a_page() {
        let broken = |width: usize| {
            let lines = PTDUMP.lines().map(|line| match line.len() > width {
                true => format!("{}\n{}\n", &line[..width], &line[width..]),
                false => format!("{line}\n"),
            });
            lines.collect::<String>()
        };
        assert_eq!(ranges(PTDUMP), 2);
        for text in [
            broken(80),
            PTDUMP.lines().map(|line| format!("> {line}\n")).collect(),
            PTDUMP.replace('\n', "<br>"),
            PTDUMP.replace(' ', "&nbsp;"),
            format!("```\n{PTDUMP}```\n"),
        ] {
            assert_eq!(ranges(&text), 2, "{text}");
        }
        // Each prefix of a log once makes the lines as long as a terminal is wide.
        for indent in 0..40 {
            let prefix = "x".repeat(indent);
            let lines = PTDUMP.lines().map(|line| format!("{prefix} {line}\n"));
            assert_eq!(ranges(&lines.collect::<String>()), 2, "{indent}");
        }
    }
}
