//! Physical memory: arenas and what became of their frames; or a letter for every frame.

use core::fmt::{self, Write};

use pagetable::PhysAddr;

use crate::mm::{Arena, Budget, FrameCounts, Owner, PAGE_BYTES};
use crate::platform::Platform;
use crate::system::System;

/// Frames in one line of the dump.
const ROW: u64 = 64;
/// Frames whose owners are looked at for the price of one walk.
const LOOK: u64 = 4;

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
    let counts = system.surveyed.frames;
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

/// Counts the frames of the n-th arena from frame `at` on, as far as the budget reaches; whether that was to its end. Frames that were never
/// given out count as quickly as one.
pub(super) fn count<P: Platform>(
    system: &System<P>,
    nth: usize,
    at: &mut u64,
    counts: &mut FrameCounts,
    budget: &mut Budget,
) -> bool {
    let Some(arena) = system.frames.arenas().get(nth) else {
        return true;
    };
    *at = (*at).max(arena.first);
    while *at < arena.end {
        if budget.is_spent() {
            return false;
        }
        budget.look();
        let end = (*at + LOOK).min(arena.end);
        for number in *at..end {
            counts[kind(system, number)] += 1;
        }
        *at = end;
    }
    true
}

/// Looks for the longest run of free frames from frame `at` of an arena on, as far as the budget reaches; whether that
/// was to the end of the last one.
pub(super) fn longest<P: Platform>(
    system: &System<P>,
    (place, at): (&mut usize, &mut u64),
    (run, most): (&mut u32, &mut u32),
    budget: &mut Budget,
) -> bool {
    while let Some(arena) = system.frames.arenas().get(*place) {
        *at = (*at).max(arena.first);
        while *at < arena.end {
            if budget.is_spent() {
                return false;
            }
            budget.look();
            let end = (*at + LOOK).min(arena.end);
            for number in *at..end {
                *run = match kind(system, number) {
                    FREE => *run + 1,
                    _ => 0,
                };
                *most = (*most).max(*run);
            }
            *at = end;
        }
        (*place, *at, *run) = (*place + 1, 0, 0);
    }
    true
}

/// The first line of the dump from `line` on that is not all free; `Some(None)` if there is none, `None` when the budget is spent: then
/// `line` says how far it reached.
pub(super) fn next_line<P: Platform>(
    system: &System<P>,
    line: &mut usize,
    budget: &mut Budget,
) -> Option<Option<usize>> {
    loop {
        if budget.is_spent() {
            return None;
        }
        let Some((number, arena)) = line_at(system, *line) else {
            return Some(None);
        };
        for _ in 0..ROW / LOOK {
            budget.look();
        }
        let (first, end) = (number * ROW, (number + 1) * ROW);
        let mut frames = first.max(arena.first)..end.min(arena.end);
        if frames.any(|number| kind(system, number) != FREE) {
            return Some(Some(*line));
        }
        *line += 1;
    }
}

/// The number of the first frame of a line of the dump, in lines of RAM, and its arena.
fn line_at<P: Platform>(system: &System<P>, line: usize) -> Option<(u64, &Arena)> {
    let mut line = line as u64;
    for arena in system.frames.arenas() {
        let first = arena.first / ROW;
        let lines = arena.end.div_ceil(ROW) - first;
        if line < lines {
            return Some((first + line, arena));
        }
        line -= lines;
    }
    None
}

fn kind<P: Platform>(system: &System<P>, number: u64) -> usize {
    match system.frames.owner(PhysAddr::new(number * PAGE_BYTES)) {
        Owner::Boot => BOOT,
        Owner::Table { .. } => TABLE,
        Owner::Page { .. } | Owner::Common { .. } => PAGE,
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
    let found = system.surveyed.line.filter(|line| *line >= index);
    let found = found.and_then(|line| Some((line, line_at(system, line)?)));
    let Some((at, (n, arena))) = found else {
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
