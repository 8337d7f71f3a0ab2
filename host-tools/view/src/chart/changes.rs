//! The differences of an address space as a strip.

use model::diff::{Change, ChangeKind, Diff};
use pagetable::Mode;
use plotters::style::RGBColor;

use super::block::BlockPart;
use super::map::hole;
use super::strip::{Strip, StripClass};
use crate::words::{self, ExactSize, RoundSize};

/// Colour of each kind; a range with several kinds has the colour of the first.
const KINDS: [(ChangeKind, RGBColor); ChangeKind::ALL.len()] = [
    (ChangeKind::Added, RGBColor(0, 158, 115)),
    (ChangeKind::Removed, RGBColor(213, 60, 0)),
    (ChangeKind::Moved, RGBColor(0, 90, 150)),
    (ChangeKind::Permission, RGBColor(240, 200, 66)),
    (ChangeKind::Memory, RGBColor(120, 94, 240)),
    (ChangeKind::PageSize, RGBColor(204, 121, 167)),
    (ChangeKind::Used, RGBColor(150, 200, 240)),
    (ChangeKind::Software, RGBColor(150, 150, 150)),
];

/// The strip of a diff; `origin` names the two snapshots in the heading.
pub fn changes<'a>(diff: &'a Diff, origin: &'a str) -> Strip<'a> {
    let mode = diff
        .after
        .or(diff.before)
        .map_or(Mode::Bare, |satp| satp.mode);
    let class = |(kind, colour): &(ChangeKind, RGBColor)| StripClass {
        words: kind.name().to_owned(),
        colour: *colour,
    };
    let part = |(place, change): (usize, &Change)| BlockPart {
        first: change.va.raw(),
        bytes: change.bytes,
        class: class_of(change),
        place,
    };
    let name = match diff.name.is_empty() {
        true => String::new(),
        false => format!(" of {}", words::printable(&diff.name)),
    };
    Strip {
        title: format!("Changes{name}: {origin}"),
        note: format!(
            "low addresses above; pale and hatched is as before, {} mapped",
            RoundSize(diff.same_bytes)
        ),
        classes: KINDS.iter().map(class).collect(),
        doubling: 2,
        parts: diff.changes.iter().enumerate().map(part).collect(),
        address: Box::new(move |at| words::va(mode, mode.sign_extend(at))),
        gap: Box::new(move |bytes| hole(mode, bytes)),
        words: Box::new(|parts, bytes| beside(diff, parts, bytes)),
    }
}

fn class_of(change: &Change) -> usize {
    let first = change.kinds.first();
    let known = KINDS.iter().position(|(kind, _)| Some(kind) == first);
    known.unwrap_or_default()
}

fn beside(diff: &Diff, parts: &[BlockPart], bytes: u64) -> String {
    let [part] = parts else {
        let changed: u64 = parts.iter().map(|part| part.bytes).sum();
        let (count, all) = (parts.len(), RoundSize(bytes.into()));
        return format!("{} of {all}, {count} changes", RoundSize(changed.into()));
    };
    let change = &diff.changes[part.place];
    let kinds: Vec<&str> = change.kinds.iter().map(|kind| kind.name()).collect();
    let flags = |side: &Option<model::diff::MappedPage>| {
        side.as_ref().map(|side| side.leaf.pte.flags().to_string())
    };
    let perms = match (flags(&change.before), flags(&change.after)) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (before, after) => after.or(before).unwrap_or_default(),
    };
    let place = match (&change.before, &change.after) {
        (Some(before), Some(after)) if before.pa != after.pa => {
            format!(", {:#x} -> {:#x}", before.pa, after.pa)
        }
        _ => String::new(),
    };
    format!(
        "{} {}: {perms}{place}",
        ExactSize(change.bytes),
        kinds.join("+")
    )
}

#[cfg(test)]
mod tests {
    use model::diff::MappedPage;
    use pagetable::{Dialect, Entry, PhysAddr, Pte, VirtAddr};

    use super::super::{ImageKind as File, write};
    use super::*;

    #[test]
    fn a_change_is_told_beside_its_block() {
        let side = |frame, flags| {
            let pte = Pte::leaf(Mode::Sv39, PhysAddr::from_frame(frame), flags);
            match pte.decode(Mode::Sv39, 0, Dialect::None) {
                Entry::Leaf(leaf) => MappedPage {
                    pa: leaf.base,
                    leaf,
                },
                other => panic!("{other:?}"),
            }
        };
        let change = |kinds: &[ChangeKind], page: u64, before, after| Change {
            kinds: kinds.to_vec(),
            va: VirtAddr::new(page << 12),
            bytes: 4096,
            before,
            after,
        };
        let (read, write_too) = (side(1, Pte::READ), side(2, Pte::READ | Pte::WRITE));
        let diff = Diff {
            name: "2 sh".to_owned(),
            before: None,
            after: None,
            changes: vec![
                change(
                    &[ChangeKind::Moved, ChangeKind::Permission],
                    1,
                    Some(read),
                    Some(write_too),
                ),
                change(&[ChangeKind::Added], 9, None, Some(read)),
            ],
            same_bytes: 8192,
            is_possibly_stale: false,
        };
        let mut svg = Vec::new();
        write(&changes(&diff, "a to b"), File::Svg, &mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        for words in [
            "Changes of 2 sh: a to b",
            "moved (4KiB)",
            "added (4KiB)",
            "4KiB moved+permission: r------ -&gt; rw-----, 0x1000 -&gt; 0x2000",
            "8KiB mapped",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
    }
}
