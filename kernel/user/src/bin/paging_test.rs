//! `paging_test [calls|shared|frames|free|limits|pressure]`: what the calls promise that move pages, on a board with `store=`.
//!
//! `paging_test bare` is for a board without one. `paging_test cost` prints what a page out and in costs in instructions, of
//! several kinds.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::{Advice, Error, PagingStatistics, PressureKind, map, prot};
use user::check::{Part, Tally, is, run_parts};
use user::{Arguments, Counter, NOT_COUNTED, call, println, read_at, thread, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// Pages of each range.
const PAGES: usize = 24;
const BYTES: usize = PAGES * PAGE;
const PARTS: [(&str, Part); 6] = [
    ("calls", calls),
    ("shared", shared),
    ("frames", frames),
    ("free", free),
    ("limits", limits),
    ("pressure", pressure),
];

fn run(arguments: Arguments) -> u8 {
    match arguments.word(1) {
        Some("cost") => match arguments.counter().map(costs) {
            Some(Ok(())) => 0,
            Some(Err(error)) => {
                println!("paging_test: {error}");
                1
            }
            None => {
                println!("paging_test: {NOT_COUNTED}");
                1
            }
        },
        Some("bare") => run_parts("paging_test", &[("bare", bare)], None),
        wanted => run_parts("paging_test", &PARTS, wanted),
    }
}

/// A range of zeros, each page written to.
fn written() -> Result<usize, Error> {
    let at = call::map_as(BYTES, 0, 0, 0, 0)?;
    for page in 0..PAGES {
        write_at(at + page * PAGE, 1000 + page as u32);
    }
    Ok(at)
}

fn statistics() -> Result<PagingStatistics, Error> {
    call::paging_statistics(call::thread_self()?)
}

/// Reads each page, which must be as written; this thread must have had so many faults by that, and a store been read for so
/// many pages.
fn reading(what: &str, at: usize, due: (u64, u64), tally: &mut Tally) -> Result<(), Error> {
    let before = statistics()?;
    let wrong = (0..PAGES).filter(|page| read_at(at + page * PAGE) != 1000 + *page as u32);
    let wrong = wrong.count();
    let after = statistics()?;
    tally.add(is("pages that are not as written", wrong, 0));
    let found = (after.faults - before.faults, after.major - before.major);
    tally.add(is(what, found, due));
    Ok(())
}

/// Zephyr's exact counts: n faults after paging out, none after paging in, none while pinned.
fn calls(tally: &mut Tally) -> Result<(), Error> {
    let at = written()?;
    let all = PAGES as u64;
    let before = statistics()?;
    call::page_out(at, BYTES)?;
    let out = statistics()?;
    tally.add(is("written out", out.pages_out - before.pages_out, all));
    tally.add(is("evicted", out.evicted_dirty - before.evicted_dirty, all));
    tally.add(is("faults of paging out", out.faults - before.faults, 0));
    reading("touched when out", at, (all, all), tally)?;
    reading("touched when in", at, (0, 0), tally)?;
    // They were read alone: the store has them as they are.
    let before = statistics()?;
    call::page_out(at, BYTES)?;
    let out = statistics()?;
    tally.add(is(
        "clean ones written",
        out.pages_out - before.pages_out,
        0,
    ));
    tally.add(is(
        "clean ones taken",
        out.evicted_clean - before.evicted_clean,
        all,
    ));
    call::page_in(at, BYTES)?;
    reading("touched after paging in", at, (0, 0), tally)?;
    call::pin(at, BYTES)?;
    tally.add(is(
        "pinned stay",
        call::page_out(at, PAGE),
        Err(Error::AccessDenied),
    ));
    // Half a page too is a page.
    tally.add(is(
        "in the middle",
        call::unpin(at + 4 * PAGE, 2 * PAGE - 1),
        Ok(()),
    ));
    call::page_out(at + 4 * PAGE, 2 * PAGE)?;
    reading("two were not pinned", at, (2, 2), tally)?;
    tally.add(is("a pinned page's end", call::unmap_at(at, PAGE), Ok(())));
    tally.add(is("unpin", call::unpin(at + PAGE, BYTES - PAGE), Ok(())));
    tally.add(is(
        "unpin twice",
        call::unpin(at + PAGE, BYTES - PAGE),
        Ok(()),
    ));
    call::page_out(at + PAGE, BYTES - PAGE)?;
    call::unmap_at(at + PAGE, BYTES - PAGE)
}

/// A page that is attached twice goes from both places, and from none while one has it pinned.
fn shared(tally: &mut Tally) -> Result<(), Error> {
    let id = call::share_create(2 * PAGE)?;
    let (here, there) = (
        call::share_attach(id, 0, 0)?,
        call::share_attach(id, prot::READ, 0)?,
    );
    write_at(here + PAGE, 77);
    tally.add(is("seen", read_at(there + PAGE), 77));
    call::page_out(there, 2 * PAGE)?;
    tally.add(is(
        "gone here",
        call::translate(here + PAGE),
        Err(Error::NotFound),
    ));
    tally.add(is("back", read_at(here + PAGE), 77));
    tally.add(is("seen again", read_at(there + PAGE), 77));
    call::pin(here, 2 * PAGE)?;
    call::page_out(there, 2 * PAGE)?;
    tally.add(is("stays", call::translate(there + PAGE).is_ok(), true));
    call::share_detach(here)?;
    call::share_detach(there)?;
    call::share_destroy(id)
}

/// A frame is emptied, of any process; what no program can lose is refused.
fn frames(tally: &mut Tally) -> Result<(), Error> {
    let at = written()?;
    let (frame, _) = call::translate(at)?;
    let free = call::free_frames()?;
    tally.add(is("evict", call::evict_frame(frame), Ok(())));
    tally.add(is("one more is free", call::free_frames()?, free + 1));
    tally.add(is("a free one", call::evict_frame(frame), Ok(())));
    tally.add(is("as written", read_at(at), 1000));
    call::pin(at, PAGE)?;
    let (frame, _) = call::translate(at)?;
    tally.add(is(
        "pinned",
        call::evict_frame(frame),
        Err(Error::AccessDenied),
    ));
    let wired = call::map_as(PAGE, 0, map::WIRED, 0, 0)?;
    let (frame, _) = call::translate(wired)?;
    tally.add(is(
        "wired",
        call::evict_frame(frame),
        Err(Error::AccessDenied),
    ));
    for frame in [0, 1 << 19, usize::MAX / PAGE, usize::MAX] {
        tally.add(is(
            "no RAM",
            call::evict_frame(frame),
            Err(Error::BadAddress),
        ));
    }
    call::unmap_at(wired, PAGE)?;
    call::unmap_at(at, BYTES)
}

/// What is not needed any more is dropped in place of being stored, unless it is written again.
fn free(tally: &mut Tally) -> Result<(), Error> {
    let at = written()?;
    call::page_out(at, 2 * PAGE)?;
    // The store had two of them.
    let before = statistics()?;
    call::advise(at, BYTES, Advice::Free)?;
    tally.add(is("dropped at once", read_at(at + PAGE), 0));
    write_at(at + 5 * PAGE, 5);
    call::advise(at, BYTES, Advice::PageOut)?;
    let after = statistics()?;
    tally.add(is(
        "the one written again",
        after.pages_out - before.pages_out,
        1,
    ));
    tally.add(is("kept", read_at(at + 5 * PAGE), 5));
    tally.add(is("as at first", read_at(at + 6 * PAGE), 0));
    call::pin(at, PAGE)?;
    for advice in [Advice::Free, Advice::DontNeed, Advice::PageOut] {
        tally.add(is(
            "pinned",
            call::advise(at, PAGE, advice),
            Err(Error::AccessDenied),
        ));
    }
    call::unmap_at(at, BYTES)
}

fn limits(tally: &mut Tally) -> Result<(), Error> {
    let at = written()?;
    for (what, from, bytes, due) in [
        ("part of a page", at + 1, PAGE, Error::BadAlignment),
        ("no byte", at, 0, Error::BadArgument),
        ("more than there is", at, BYTES + PAGE, Error::BadAddress),
        ("nothing there", PAGE, PAGE, Error::NotFound),
        ("the kernel's", usize::MAX - PAGE + 1, PAGE, Error::NotFound),
    ] {
        for deed in [call::page_out, call::page_in, call::pin, call::unpin] {
            // The last page ends where addresses do.
            let answer = deed(from, bytes).map_err(|error| match error {
                Error::BadAddress if from > at => Error::NotFound,
                error => error,
            });
            tally.add(is(what, answer, Err(due)));
        }
    }
    call::protect(at, PAGE, 0)?;
    tally.add(is(
        "hidden",
        call::page_in(at, PAGE),
        Err(Error::AccessDenied),
    ));
    tally.add(is("hidden", call::pin(at, PAGE), Err(Error::AccessDenied)));
    // A quarter of the pool, of which others have a part.
    let most = call::free_frames()? / 4;
    let large = call::map_as(2 * most * PAGE, 0, 0, 0, 0)?;
    let before = call::free_frames()?;
    tally.add(is(
        "too many",
        call::pin(large, 2 * most * PAGE),
        Err(Error::LimitExceeded),
    ));
    tally.add(is("none came", call::free_frames()?, before));
    tally.add(is("as many as that", call::pin(large, most * PAGE), Ok(())));
    tally.add(is("again", call::pin(large, most * PAGE), Ok(())));
    tally.add(is(
        "no thread",
        call::paging_statistics(40_000),
        Err(Error::NoSuchTask),
    ));
    call::unmap_at(large, 2 * most * PAGE)?;
    call::unmap_at(at, BYTES)
}

/// The thread that pages has done enough.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Pages go and come back until there was enough of it.
extern "C" fn keep_paging(_: usize) -> usize {
    let paged = written().and_then(|at| {
        while !ENOUGH.load(Ordering::Relaxed) {
            call::page_out(at, BYTES)?;
            (0..PAGES).for_each(|page| _ = read_at(at + page * PAGE));
        }
        call::unmap_at(at, BYTES)
    });
    paged.map_or(1, |()| 0)
}

/// A thread waits until another one was stalled for long enough.
fn pressure(tally: &mut Tally) -> Result<(), Error> {
    let paging = thread::spawn(keep_paging, 0)?;
    let stalled = call::await_pressure(PressureKind::Some, 20, 10_000, 60_000);
    ENOUGH.store(true, Ordering::Relaxed);
    tally.add(is("enough", stalled.map(|us| us >= 20), Ok(true)));
    tally.add(is("paging", paging.join(), Ok(0)));
    let never = call::await_pressure(PressureKind::Full, 10_000_000, 10_000, 1);
    tally.add(is("its time", never, Err(Error::TimedOut)));
    let wrong = call::await_pressure(PressureKind::Full, 10_001, 10, 1);
    tally.add(is("no window", wrong, Err(Error::BadArgument)));
    Ok(())
}

/// Pages of the program's file that it may write to: copies, which are as at first until it does.
static FILE: [AtomicU32; 4 * PAGE / 4] = [const { AtomicU32::new(7) }; 4 * PAGE / 4];

/// What a page costs on average, out by a call on all of them, and in by a touch; first of file pages that were not written to.
fn costs(counter: Counter) -> Result<(), Error> {
    let file = FILE.as_ptr() as usize;
    let first = file.next_multiple_of(PAGE);
    let bytes = file + size_of_val(&FILE) - first;
    each_cost(counter, "file", first, bytes / PAGE * PAGE)?;
    let at = call::map_as(BYTES, 0, 0, 0, 0)?;
    let mut noise = 0x9e37_79b9_u32;
    for (kind, word) in [
        ("zeros", 0),
        ("text", u32::from_le_bytes(*b"page")),
        ("noise", 1),
    ] {
        for place in (at..at + BYTES).step_by(4) {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            // Of text every second word is one of 32.
            let value = match kind {
                "text" if place % 8 == 0 => word + (noise & 0x1f),
                "noise" => noise,
                _ => word,
            };
            write_at(place, value);
        }
        match each_cost(counter, kind, at, BYTES) {
            Ok(()) => {}
            // `store=rom` keeps none that is written.
            Err(Error::StoreFull) => println!("paging_test: {kind} stays"),
            Err(error) => return Err(error),
        }
    }
    call::unmap_at(at, BYTES)
}

fn each_cost(counter: Counter, kind: &str, at: usize, bytes: usize) -> Result<(), Error> {
    let pages = bytes / PAGE;
    let touch = || (0..pages).fold(0, |sum, page| sum ^ read_at(at + page * PAGE));
    // What was touched before costs the touch alone.
    touch();
    let before = counter.read();
    touch();
    let around = counter.since(before);
    let before = counter.read();
    call::page_out(at, bytes)?;
    let out = counter.since(before);
    let before = counter.read();
    touch();
    let back = counter.since(before) - around;
    println!(
        "paging_test: {kind} out {} in {}",
        out / pages,
        back / pages
    );
    Ok(())
}

/// Without a store nothing goes; pages come and are pinned all the same.
fn bare(tally: &mut Tally) -> Result<(), Error> {
    let at = call::map_as(BYTES, 0, 0, 0, 0)?;
    call::pin(at, BYTES)?;
    let before = statistics()?;
    for page in 0..PAGES {
        write_at(at + page * PAGE, 1000 + page as u32);
    }
    tally.add(is("faults", statistics()?.faults, before.faults));
    call::unpin(at, BYTES)?;
    tally.add(is(
        "page out",
        call::page_out(at, BYTES),
        Err(Error::Unsupported),
    ));
    let (frame, _) = call::translate(at)?;
    tally.add(is(
        "evict",
        call::evict_frame(frame),
        Err(Error::Unsupported),
    ));
    tally.add(is(
        "advice",
        call::advise(at, BYTES, Advice::PageOut),
        Ok(()),
    ));
    reading("touched", at, (0, 0), tally)?;
    let all = call::paging_statistics(0)?;
    tally.add(is("evictions", all.evicted_clean + all.evicted_dirty, 0));
    tally.add(is("of all", all.faults >= statistics()?.faults, true));
    call::unmap_at(at, BYTES)
}
