//! Physical memory: arenas and what became of their frames; or a letter for every frame.

use core::fmt::{self, Write};

use pagetable::PhysAddr;

use crate::mm::{Arena, Owner, PAGE_BYTES};
use crate::platform::Platform;
use crate::system::System;

/// Frames in one line of the dump.
const ROW: u64 = 64;

/// Index n + 1 is the n-th arena.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let arenas = system.frames.arenas();
    let Some(place) = index.checked_sub(1) else {
        writeln!(
            out,
            "ARENA BASE               FRAMES PRIORITY     BOOT   TABLES    PAGES   SHARED     FREE   ZEROED"
        )?;
        return Ok(1);
    };
    let Some(arena) = arenas.get(place) else {
        return Ok(0);
    };
    let counts = count(system, arena);
    writeln!(
        out,
        "{place:>5} {:#018x} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        arena.first * PAGE_BYTES,
        counts.iter().sum::<u32>(),
        arena.priority,
        counts[BOOT],
        counts[TABLE],
        counts[PAGE],
        counts[SHARED],
        counts[FREE],
        system.frames.zeroed(),
    )?;
    Ok(if place + 1 < arenas.len() {
        index + 1
    } else {
        0
    })
}

/// Places in what `count` answers.
pub(super) const BOOT: usize = 0;
pub(super) const TABLE: usize = 1;
pub(super) const PAGE: usize = 2;
pub(super) const SHARED: usize = 3;
pub(super) const FREE: usize = 4;

/// How many frames of an arena are what.
pub(super) fn count<P: Platform>(system: &System<P>, arena: &Arena) -> [u32; 5] {
    let mut counts = [0; 5];
    for number in arena.first..arena.end {
        counts[kind(system, number)] += 1;
    }
    counts
}

fn kind<P: Platform>(system: &System<P>, number: u64) -> usize {
    match system.frames.owner(PhysAddr::new(number * PAGE_BYTES)) {
        Owner::Boot => BOOT,
        Owner::Table { .. } => TABLE,
        Owner::Page { .. } => PAGE,
        Owner::Object { .. } => SHARED,
        Owner::Free => FREE,
    }
}

/// Line n of the dump has frames 64·n on: `B`oot, page `T`able, `P`age, `S`hared, `.` free.
/// Lines that are free from end to end are left out.
pub fn dump<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let lines = || {
        let arenas = system.frames.arenas().iter();
        arenas
            .flat_map(|arena| (arena.first / ROW..arena.end.div_ceil(ROW)).map(move |n| (n, arena)))
    };
    let used = |(n, arena): &(u64, &Arena)| {
        let (first, end) = ((n * ROW).max(arena.first), ((n + 1) * ROW).min(arena.end));
        (first..end).any(|number| kind(system, number) != FREE)
    };
    let wanted = lines().enumerate().skip(index).find(|(_, line)| used(line));
    let Some((at, (n, arena))) = wanted else {
        return Ok(0);
    };
    write!(out, "{:#018x} ", n * ROW * PAGE_BYTES)?;
    for number in n * ROW..(n + 1) * ROW {
        let letter = if arena.contains(number) {
            ['B', 'T', 'P', 'S', '.'][kind(system, number)]
        } else {
            ' '
        };
        out.write_char(letter)?;
    }
    writeln!(out)?;
    Ok(at + 1)
}
