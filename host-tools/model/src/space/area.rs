//! Names of addresses: devices and RAM of a board, sections of a program.

use super::filter::Bounds;
use super::range::MappedRange;

/// Most names that one range is given; of the rest the number is stated.
const MOST_NAMES: usize = 3;

/// The addresses that a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaOf {
    /// Physical ones: devices, RAM, what a device tree names.
    Physical,
    /// Virtual ones: the sections of a program.
    Virtual,
}

/// A named range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedArea {
    /// Its name, as in the board's file, the device tree or the program.
    pub name: String,
    /// What its addresses are.
    pub of: AreaOf,
    /// First and last address.
    pub bounds: Bounds,
}

/// The names of all areas that have a byte of these addresses, in their order, with commas; empty if there is
/// none. Addresses that are not known are left out.
pub fn area_names(areas: &[NamedArea], va: Option<Bounds>, pa: Option<Bounds>) -> String {
    let meets = |it: &&NamedArea| {
        let here = match it.of {
            AreaOf::Physical => pa,
            AreaOf::Virtual => va,
        };
        here.is_some_and(|here| it.bounds.first <= here.last && here.first <= it.bounds.last)
    };
    let mut names: Vec<&str> = Vec::new();
    for area in areas.iter().filter(meets) {
        if !names.contains(&area.name.as_str()) {
            names.push(&area.name);
        }
    }
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The names of what a range maps: of its virtual addresses, and of the physical ones unless it is in pieces.
pub fn range_names(areas: &[NamedArea], range: &MappedRange) -> String {
    if areas.is_empty() {
        return String::new();
    }
    let from = |first: u64| Bounds {
        first,
        last: first.saturating_add(range.bytes - 1),
    };
    let pa = (range.pieces == 1).then(|| from(range.pa.raw()));
    area_names(areas, Some(from(range.va.raw())), pa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(name: &str, first: u64, last: u64) -> NamedArea {
        NamedArea {
            name: name.to_owned(),
            of: AreaOf::Physical,
            bounds: Bounds { first, last },
        }
    }

    #[test]
    fn what_a_range_touches_is_named_once_and_three_at_most() {
        let areas = [
            area("uart", 0x1000, 0x1fff),
            area("plic", 0x4000, 0x7fff),
            area("uart", 0x2000, 0x2fff),
            area("rtc", 0x8000, 0x8fff),
            area("gpio", 0x9000, 0x9fff),
        ];
        let names = |first, last| area_names(&areas, None, Some(Bounds { first, last }));
        assert_eq!(names(0x1fff, 0x2000), "uart");
        assert_eq!(names(0, 0xfff), "");
        assert_eq!(names(0x3000, 0x4000), "plic");
        assert_eq!(names(0, u64::MAX), "uart, plic, rtc and 1 more");
    }

    #[test]
    fn a_section_is_named_where_it_is_mapped_and_not_where_it_lies() {
        let text = NamedArea {
            of: AreaOf::Virtual,
            ..area(".text", 0x1000, 0x1fff)
        };
        let here = |first, last| Some(Bounds { first, last });
        let areas = [text, area("ram", 0x8000, 0x8fff)];
        let names = |va, pa| area_names(&areas, va, pa);
        assert_eq!(
            names(here(0x1000, 0x1fff), here(0x8000, 0x8fff)),
            ".text, ram"
        );
        assert_eq!(names(here(0x8000, 0x8fff), here(0x1000, 0x1fff)), "");
        assert_eq!(names(here(0x1800, 0x1800), None), ".text");
    }
}
