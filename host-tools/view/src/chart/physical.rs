//! Physical memory as a strip: which roots map which part.

use std::collections::BTreeMap;

use model::AddressSpace;
use model::space::{Bounds, area_names};
use pagetable::{PAGE_BYTES, Pte};
use plotters::style::RGBColor;

use super::block::BlockPart;
use super::map::{NOTE, named, several};
use super::strip::{Strip, StripClass};
use crate::words::{self, counted};

/// Colours of users; further users share the last one.
const USERS: [RGBColor; 6] = [
    RGBColor(86, 180, 233),
    RGBColor(240, 200, 66),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(120, 94, 240),
];
const TABLES: RGBColor = RGBColor(150, 20, 0);
const SHARED: RGBColor = RGBColor(40, 40, 40);
const KERNEL: RGBColor = RGBColor(170, 170, 170);

/// Bit of the kernel in a set of owners; each user root has another bit.
const KERNEL_BIT: u64 = 1;
const TABLE_BIT: u64 = 2;
const FIRST_USER: u32 = 2;

/// The strip of the memory that `spaces` map.
pub fn physical<'a>(spaces: &'a [AddressSpace], origin: &'a str) -> Strip<'a> {
    let users = spaces.len().min(USERS.len());
    let mut classes = vec![
        class("page tables", TABLES),
        class("user, shared by several", SHARED),
        class("kernel only", KERNEL),
    ];
    for (place, space) in spaces.iter().take(users).enumerate() {
        let satp = space.satp().encode(space.mode().xlen());
        let more = if place + 1 == users && spaces.len() > users {
            " and others"
        } else {
            ""
        };
        let words = match space.name.is_empty() {
            true => format!("user of {satp:#x}{more}"),
            false => format!("{}{more}", words::printable(&space.name)),
        };
        classes.push(class(&words, USERS[place]));
    }
    let mode = spaces
        .first()
        .map_or(pagetable::Mode::Bare, AddressSpace::mode);
    Strip {
        title: format!(
            "Physical memory of {}: {origin}",
            counted(spaces.len(), "address space", "address spaces")
        ),
        note: NOTE.to_owned(),
        classes,
        // User pages are small parts of large blocks.
        doubling: 14,
        parts: parts(spaces),
        address: Box::new(move |at| words::pa(mode, pagetable::PhysAddr::new(at))),
        gap: Box::new(|_| None),
        words: Box::new(|parts, bytes| {
            let areas = spaces.first().map_or(&[][..], |space| &space.areas);
            let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
                return String::new();
            };
            let end = last.first.saturating_add(last.bytes - 1);
            let name = named(area_names(
                areas,
                None,
                Some(Bounds {
                    first: first.first,
                    last: end,
                }),
            ));
            several(parts, bytes, "part") + &name
        }),
    }
}

fn class(words: &str, colour: RGBColor) -> StripClass {
    StripClass {
        words: words.to_owned(),
        colour,
    }
}

/// Runs of memory with the same owners, from a sweep over the starts and ends of all mappings.
fn parts(spaces: &[AddressSpace]) -> Vec<BlockPart> {
    // For each address, the number of mappings that start, minus those that end, per owner.
    let mut steps: BTreeMap<u64, BTreeMap<u64, i64>> = BTreeMap::new();
    let mut claim = |first: u64, bytes: u64, owner: u64| {
        *steps.entry(first).or_default().entry(owner).or_default() += 1;
        let end = first.saturating_add(bytes);
        *steps.entry(end).or_default().entry(owner).or_default() -= 1;
    };
    for (place, space) in (0..).zip(spaces) {
        for range in space.ranges() {
            let user = 1 << (FIRST_USER + place.min(61));
            let owner = if range.flags().has(Pte::USER) {
                user
            } else {
                KERNEL_BIT
            };
            claim(range.pa.raw(), range.bytes, owner);
        }
        for table in &space.tables() {
            claim(table.at.raw(), PAGE_BYTES, TABLE_BIT);
        }
    }
    let mut open: BTreeMap<u64, i64> = BTreeMap::new();
    let mut parts: Vec<BlockPart> = Vec::new();
    let mut before: Option<u64> = None;
    for (at, changes) in steps {
        if let Some(first) = before
            && let Some(class) = class_of(&open)
        {
            let bytes = at - first;
            match parts.last_mut() {
                Some(last) if last.class == class && last.first + last.bytes == first => {
                    last.bytes += bytes;
                }
                _ => parts.push(BlockPart {
                    first,
                    bytes,
                    class,
                    place: 0,
                }),
            }
        }
        for (owner, change) in changes {
            *open.entry(owner).or_default() += change;
        }
        open.retain(|_, claims| *claims > 0);
        before = Some(at);
    }
    parts
}

/// The class of memory with these owners; `None` without an owner.
fn class_of(open: &BTreeMap<u64, i64>) -> Option<usize> {
    let owners = open.keys().fold(0, |all, owner| all | owner);
    let users = owners & !(KERNEL_BIT | TABLE_BIT);
    match (owners, users.count_ones()) {
        (0, _) => None,
        (owners, _) if owners & TABLE_BIT != 0 => Some(0),
        (_, 0) => Some(2),
        (_, 1) => {
            let place = users.trailing_zeros() - FIRST_USER;
            Some(3 + (place as usize).min(USERS.len() - 1))
        }
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, Mode, PhysAddr, Satp};

    use super::*;

    /// Roots at 0x1000 and 0x2000: a user page each, one shared page, and kernel mappings of all three.
    struct RootColours;

    impl Memory for RootColours {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let user = Pte::READ | Pte::USER;
            let leaf =
                |gib: u64, flags| Pte::leaf(Mode::Sv39, PhysAddr::new(gib << 30), flags).raw();
            Ok(match (at.frame(), at.offset(4096) / 8) {
                (1, 0) => leaf(4, user),
                (2, 0) => leaf(5, user),
                (_, 1) => leaf(6, user),
                (_, index @ 256..260) => leaf(index - 252, Pte::READ),
                _ => 0,
            })
        }
    }

    #[test]
    fn each_part_is_the_users_who_has_it() {
        let spaces = [1, 2].map(|frame| {
            let satp = Satp {
                mode: Mode::Sv39,
                asid: 0,
                root: PhysAddr::from_frame(frame),
            };
            AddressSpace::read(&mut RootColours, satp, Dialect::None)
        });
        let parts = parts(&spaces);
        let told: Vec<_> = parts
            .iter()
            .map(|it| (it.first, it.bytes >> 12, it.class))
            .collect();
        let gib = 1 << 18;
        assert_eq!(
            told,
            [
                (0x1000, 2, 0),
                (4 << 30, gib, 3),
                (5 << 30, gib, 4),
                (6 << 30, gib, 1),
                (7 << 30, gib, 2),
            ]
        );
    }
}
