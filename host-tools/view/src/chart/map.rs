//! The address space as a strip: mappings and their permissions.

use std::collections::BTreeSet;

use model::AddressSpace;
use model::space::range_names;
use pagetable::Mode;

use super::block::BlockPart;
use super::permission::{CLASSES, class_of};
use super::strip::{Strip, StripClass};
use crate::words::{self, ExactSize, RoundSize, counted};

/// The strip of `space`; `origin` is the source of the data, for the heading.
pub fn address_space<'a>(space: &'a AddressSpace, origin: &'a str) -> Strip<'a> {
    let satp = space.satp();
    let problems = match space.problems.len() {
        0 => String::new(),
        some => format!(
            "; {} not shown",
            counted(some, "problem is", "problems are")
        ),
    };
    let part = |(place, range): (usize, &model::space::MappedRange)| BlockPart {
        first: range.va.raw(),
        bytes: range.bytes,
        class: class_of(range.flags()),
        place,
    };
    let mode = space.mode();
    Strip {
        title: format!(
            "Address space {:#x} ({}): {origin}",
            satp.encode(satp.mode.xlen()),
            satp.mode.name(),
        ),
        note: format!("{NOTE}{problems}"),
        classes: permissions(),
        doubling: 2,
        parts: space.ranges().iter().enumerate().map(part).collect(),
        address: Box::new(move |at| words::va(mode, mode.sign_extend(at))),
        gap: Box::new(move |bytes| hole(mode, bytes)),
        words: Box::new(|parts, bytes| beside(space, parts, bytes)),
    }
}

/// Explanation of the scale, for every strip.
pub(super) const NOTE: &str = "low addresses above; inside a block addresses are to scale; pale and \
                               hatched is not mapped";

/// The permission classes, in the order of their colours.
pub(super) fn permissions() -> Vec<StripClass> {
    let class = |it: &super::permission::PermissionClass| StripClass {
        words: it.words.to_owned(),
        colour: it.colour,
    };
    CLASSES.iter().map(class).collect()
}

/// Name of the non-canonical hole of a 64-bit mode; `None` for any other gap.
pub(super) fn hole(mode: Mode, bytes: u64) -> Option<String> {
    let is_hole = mode != Mode::Sv32 && bytes >> (mode.va_bits() - 1) != 0;
    is_hole.then(|| "gap between the lower and the upper half".to_owned())
}

/// The text beside a block.
fn beside(space: &AddressSpace, parts: &[BlockPart], bytes: u64) -> String {
    let [part] = parts else {
        return among_several(space, parts, bytes);
    };
    let range = &space.ranges()[part.place];
    let name = named(range_names(&space.areas, range));
    let memory = words::attributes(range.attributes());
    let comma = if memory.is_empty() { "" } else { ", " };
    format!(
        "{} {} at {:#x}, {} pages{comma}{memory}{name}",
        ExactSize(range.bytes),
        range.flags().flags(),
        range.pa,
        ExactSize(range.leaf.page_bytes)
    )
}

/// A block of several ranges: how many, which permissions occur in it, and whose memory it is.
fn among_several(space: &AddressSpace, parts: &[BlockPart], bytes: u64) -> String {
    let classes: BTreeSet<usize> = parts.iter().map(|part| part.class).collect();
    let classes: Vec<&str> = classes.iter().map(|at| CLASSES[*at].words).collect();
    let mut names = Vec::new();
    for part in parts {
        let name = range_names(&space.areas, &space.ranges()[part.place]);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let name = named(names.join(","));
    let several = several(parts, bytes, "range");
    format!("{several}: {}{name}", classes.join(", "))
}

/// Names of memory as the end of a text.
pub(super) fn named(names: String) -> String {
    match names.is_empty() {
        true => names,
        false => format!(": {}", words::printable(&names)),
    }
}

/// Size of a block and number of its parts.
pub(super) fn several(parts: &[BlockPart], bytes: u64, what: &str) -> String {
    let mapped: u64 = parts.iter().map(|part| part.bytes).sum();
    let (count, all) = (parts.len(), RoundSize(bytes.into()));
    let count = counted(count, what, &format!("{what}s"));
    match mapped == bytes {
        true => format!("{all} in {count}"),
        false => format!("{} mapped of {all}, {count}", RoundSize(mapped.into())),
    }
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, PhysAddr, Pte, Satp};

    use super::super::strip::MOST_BLOCKS;

    use super::super::{ImageKind, Picture, write};
    use super::*;

    /// A root table with given entries.
    struct SingleTable(Vec<(u64, Pte)>);

    impl Memory for SingleTable {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let index = at.offset(4096) / 8;
            let entry = self.0.iter().find(|(place, _)| *place == index);
            Ok(entry.map_or(0, |(_, pte)| pte.raw()))
        }
    }

    fn space(entries: &[(u64, u64)]) -> AddressSpace {
        let leaf = |(index, flags): &(u64, u64)| {
            let at = PhysAddr::new((511 - index) << 30);
            (*index, Pte::leaf(Mode::Sv39, at, *flags))
        };
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x8000_0000),
        };
        let mut table = SingleTable(entries.iter().map(leaf).collect());
        AddressSpace::read(&mut table, satp, Dialect::None)
    }

    fn drawn(space: &AddressSpace, kind: ImageKind) -> Vec<u8> {
        let mut out = Vec::new();
        write(&address_space(space, "ram.bin"), kind, &mut out).unwrap();
        out
    }

    const RW: u64 = Pte::READ | Pte::WRITE;
    const RX: u64 = Pte::READ | Pte::EXEC;

    #[test]
    fn svg_names_addresses_gaps_permissions_and_problems() {
        let space = space(&[(0, RX), (3, RW | Pte::USER), (300, RW), (301, Pte::WRITE)]);
        let svg = String::from_utf8(drawn(&space, ImageKind::Svg)).unwrap();
        for words in [
            "Address space 0x8000000000080000 (sv39): ram.bin",
            "r-x supervisor (1GiB)",
            "rw- user (1GiB)",
            "0x00000000c0000000",
            "1GiB rw-u--- at 0x7f00000000, 1GiB pages",
            "gap of 2GiB",
            "gap between the lower and the upper half",
            "1 problem is not shown",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn png_has_the_colour_of_every_permission() {
        let flags = [RW, RX, Pte::READ, Pte::EXEC, RW | Pte::EXEC];
        let users = flags.map(|flags| flags | Pte::USER);
        let entries: Vec<_> = (0..).zip(flags.into_iter().chain(users)).collect();
        let png = drawn(&space(&entries), ImageKind::Png);
        let decoder = png::Decoder::new(std::io::Cursor::new(png));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        for class in CLASSES {
            let wanted = [class.colour.0, class.colour.1, class.colour.2];
            let area = pixels.chunks_exact(3).filter(|it| *it == wanted).count();
            assert!(area > 5000, "{}: {area} pixels", class.words);
        }
    }

    #[test]
    fn many_ranges_stay_on_one_page() {
        // Every second entry, permissions in turn, so that all gaps are equal.
        let flags = |it: u64| if it.is_multiple_of(4) { RW } else { RX };
        let entries = (0..512).step_by(2).map(|it| (it, flags(it)));
        let space = space(&entries.collect::<Vec<_>>());
        assert_eq!(space.ranges().len(), 256);
        let picture = address_space(&space, "ram.bin");
        assert!(space.bands(MOST_BLOCKS).len() <= MOST_BLOCKS && picture.size().1 < 4000);
        assert!(drawn(&space, ImageKind::Svg).len() < 500_000);
    }

    #[test]
    fn an_empty_space_says_so() {
        let svg = String::from_utf8(drawn(&space(&[]), ImageKind::Svg)).unwrap();
        assert!(svg.contains("nothing is mapped"));
    }
}
