//! xv6's `vmprint`: every valid entry, indented by its level.
//!
//! ```text
//! page table 0x0000000087f6e000
//!  ..0: pte 0x0000000021fda801 pa 0x0000000087f6a000              an index, or in newer courses the address:
//!  .. ..0: pte 0x0000000021fda401 pa 0x0000000087f69000           ..0x0000000000000000: pte …
//!  .. .. ..0: pte 0x0000000021fdac1f pa 0x0000000087f6b000
//! ```
//! Tables lie where the entries above them point, so that they are what the kernel had. Source: the labs of
//! MIT 6.1810.

use pagetable::{Mode, Pte, VirtAddr};

use super::printed::{PrintedEntry, PrintedSpace, hex};

/// A line: how deep it is, the index or address as printed, and the entry.
struct Line<'a> {
    depth: usize,
    index: &'a str,
    pte: u64,
    is_32: bool,
}

/// A space for each `page table` line.
pub(super) fn read(text: &str) -> Vec<PrintedSpace> {
    let mut blocks: Vec<(Option<u64>, Vec<Line<'_>>)> = vec![(None, Vec::new())];
    for line in text.lines() {
        if let Some((_, root)) = line.split_once("page table ")
            && let Some(root) = root.split_whitespace().next().and_then(hex)
        {
            blocks.push((Some(root), Vec::new()));
        } else if let (Some(line), Some((_, lines))) = (entry(line), blocks.last_mut()) {
            lines.push(line);
        }
    }
    let blocks = blocks.into_iter().filter(|(_, lines)| !lines.is_empty());
    blocks
        .filter_map(|(root, lines)| space(root, &lines))
        .collect()
}

fn entry(line: &str) -> Option<Line<'_>> {
    let (before, entry) = line.split_once(": pte ")?;
    let from = before.find("..")?;
    let marks = &before[from..];
    let index = marks.trim_start_matches(['.', ' ', '\t']);
    let dots = &marks[..marks.len() - index.len()];
    let pte = entry.split_whitespace().next()?;
    let depth = dots.matches("..").count();
    let is_index =
        !index.is_empty() && index.bytes().all(|it| it.is_ascii_hexdigit() || it == b'x');
    (is_index && (1..=Mode::MOST_LEVELS).contains(&depth)).then_some(Line {
        depth,
        index,
        pte: hex(pte)?,
        is_32: pte.trim_start_matches("0x").len() <= 8,
    })
}

fn space(root: Option<u64>, lines: &[Line<'_>]) -> Option<PrintedSpace> {
    let depth = lines.iter().map(|line| line.depth).max()?;
    let is_32 = depth <= 2 && lines.iter().all(|line| line.is_32);
    let mode = match depth {
        _ if is_32 => Mode::Sv32,
        ..=3 => Mode::Sv39,
        4 => Mode::Sv48,
        _ => Mode::Sv57,
    };
    // The table that the last entry of each depth points to.
    let mut below: Vec<Option<u64>> = vec![root];
    let mut entries = Vec::new();
    for line in lines {
        let level = mode.levels().checked_sub(line.depth as u8)?;
        let index = match line.index.strip_prefix("0x") {
            Some(va) => mode.index(VirtAddr::new(hex(va)?), level) as u64,
            None => line.index.parse().ok()?,
        };
        below.truncate(line.depth);
        // A line whose parent is missing has no table to be in.
        let Some(table) = below.get(line.depth - 1).copied() else {
            continue;
        };
        if index >= mode.entries() as u64 || (table.is_none() && line.depth > 1) {
            continue;
        }
        entries.push(PrintedEntry {
            table,
            index,
            pte: line.pte,
        });
        below.push(Some(Pte::new(line.pte).target(mode).raw()));
    }
    Some(PrintedSpace {
        root,
        mode: Some(mode),
        is_32,
        entries,
        ..PrintedSpace::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "xv6 kernel is booting\npage table 0x0000000087f6e000\n \
        ..0: pte 0x0000000021fda801 pa 0x0000000087f6a000\n \
        .. ..0: pte 0x0000000021fda401 pa 0x0000000087f69000\n \
        .. .. ..2: pte 0x0000000021fdac1f pa 0x0000000087f6b000\n \
        ..255: pte 0x0000000021fdb401 pa 0x0000000087f6d000\n";

    fn places(text: &str) -> Vec<(Option<u64>, u64)> {
        let spaces = read(text);
        spaces[0]
            .entries
            .iter()
            .map(|it| (it.table, it.index))
            .collect()
    }

    #[test]
    fn tables_lie_where_the_entries_above_point() {
        let root = Some(0x87f6_e000);
        let expected = [
            (root, 0),
            (Some(0x87f6_a000), 0),
            (Some(0x87f6_9000), 2),
            (root, 255),
        ];
        assert_eq!(places(TEXT), expected);
        assert_eq!(read(TEXT)[0].mode, Some(Mode::Sv39));
        // As newer courses print it: addresses instead of indices, all dots together.
        let newer = TEXT
            .replace(" ..0: ", " ..0x0000000000000000: ")
            .replace("..2:", "..0x0000000000002000:")
            .replace("..255:", "..0x0000003fc0000000:");
        assert_eq!(places(&newer), expected);
        let rootless = TEXT.lines().skip(2).collect::<Vec<_>>().join("\n");
        assert_eq!(places(&rootless)[0], (None, 0));
    }
}
