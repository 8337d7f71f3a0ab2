//! Physical memory as a strip: which roots map which part.

use model::AddressSpace;
use model::owners::{MemoryOwner, owned_parts};
use model::space::{Bounds, area_names};
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

/// The class of each run of memory with one owner.
fn parts(spaces: &[AddressSpace]) -> Vec<BlockPart> {
    let parts = owned_parts(spaces).into_iter();
    let part = parts.map(|part| BlockPart {
        first: part.at,
        bytes: part.bytes,
        class: match part.owner {
            MemoryOwner::Tables => 0,
            MemoryOwner::Shared => 1,
            MemoryOwner::Kernel => 2,
            MemoryOwner::Space(place) => 3 + place.min(USERS.len() - 1),
        },
        place: 0,
    });
    part.collect()
}
