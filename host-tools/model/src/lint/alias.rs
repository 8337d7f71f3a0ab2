//! One piece of memory, mapped with two memory types.

use pagetable::Attributes;

use super::{Lint, rule};
use crate::Space;
use crate::space::MappedRange;

/// For each type, the range that reaches furthest of those that begin before.
type Open<'a> = Vec<(Attributes, &'a MappedRange)>;

pub(super) fn conflicts(spaces: &[Space], found: &mut Vec<Lint>) {
    let all = spaces.iter().enumerate();
    let ranges = all.flat_map(|(place, space)| space.ranges.iter().map(move |it| (place, it)));
    let mut by_pa: Vec<(usize, &MappedRange)> = ranges.collect();
    by_pa.sort_by_key(|(place, range)| (range.pa, *place, range.va));
    let mut open: Open<'_> = Vec::new();
    // A pair of mappings that every root has is told once.
    let mut told = std::collections::HashSet::new();
    for (place, range) in by_pa {
        let type_of = range.attributes();
        let others = open.iter().filter(|(other, _)| *other != type_of);
        let overlap = others
            .map(|(_, it)| *it)
            .find(|it| end(it) > u128::from(range.pa.raw()));
        if let Some(other) = overlap
            && told.insert((range.va, range.pa, other.va))
        {
            let bytes = (end(other) - u128::from(range.pa.raw())).min(u128::from(range.bytes));
            found.push(Lint {
                pa: Some(range.pa),
                bytes: bytes as u64,
                ..Lint::new(
                    rule("alias-memory-type"),
                    place,
                    range.va,
                    format!(
                        "{} has it as {}, here {}",
                        other.va,
                        words(other),
                        words(range)
                    ),
                )
            });
        }
        match open.iter_mut().find(|(other, _)| *other == type_of) {
            Some((_, furthest)) if end(furthest) < end(range) => *furthest = range,
            Some(_) => {}
            None => open.push((type_of, range)),
        }
    }
}

fn end(range: &MappedRange) -> u128 {
    u128::from(range.pa.raw()) + u128::from(range.bytes)
}

fn words(range: &MappedRange) -> String {
    match range.attributes() {
        Attributes::Pbmt(pbmt) => pbmt.name().to_owned(),
        Attributes::THead(bits) => {
            let letters = [
                (bits.strong_order, "so"),
                (bits.cacheable, "c"),
                (bits.bufferable, "b"),
                (bits.shareable, "sh"),
                (bits.secure, "sec"),
            ];
            let set: Vec<&str> = letters
                .into_iter()
                .filter_map(|(is, letter)| is.then_some(letter))
                .collect();
            if set.is_empty() {
                "no bits".to_owned()
            } else {
                set.join("+")
            }
        }
    }
}
