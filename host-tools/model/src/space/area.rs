//! Names of physical memory: devices and RAM of a board.

use super::filter::Bounds;
use super::range::MappedRange;

/// Most names that one range is given; of the rest the number is stated.
const MOST_NAMES: usize = 3;

/// A named range of physical addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedArea {
    /// Its name, as in the board's file.
    pub name: String,
    /// First and last physical address.
    pub bounds: Bounds,
}

/// The names of all areas that have a byte in `first` to `last`, in their order, with commas; empty if there
/// is none.
pub fn area_names(areas: &[NamedArea], first: u64, last: u64) -> String {
    let meets = |it: &&NamedArea| it.bounds.first <= last && first <= it.bounds.last;
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

/// The names of what a range maps; empty where it is in pieces or nothing there has a name.
pub fn range_names(areas: &[NamedArea], range: &MappedRange) -> String {
    let first = range.pa.raw();
    match range.pieces {
        1 => area_names(areas, first, first.saturating_add(range.bytes - 1)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(name: &str, first: u64, last: u64) -> NamedArea {
        NamedArea {
            name: name.to_owned(),
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
        let names = |first, last| area_names(&areas, first, last);
        assert_eq!(names(0x1fff, 0x2000), "uart");
        assert_eq!(names(0, 0xfff), "");
        assert_eq!(names(0x3000, 0x4000), "plic");
        assert_eq!(names(0, u64::MAX), "uart, plic, rtc and 1 more");
    }
}
