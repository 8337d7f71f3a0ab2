//! `race_test [PART] [ROUNDS]`: what one hart takes away, a thread of the same process on another hart never has again.
//!
//! On one hart the threads take turns, and the same must hold. Each round that ends by a fault is a process of its own.
//! `race_test forever` has four threads that map, touch and unmap until it is killed.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use abi::{Error, map, prot};
use user::check::{Part, Tally, is, run_parts};
use user::thread::{self, JoinHandle};
use user::{Arguments, call, println, read_at, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// How a process ends that a load or a store killed.
const BY_LOAD: usize = 128 + 13;
const BY_STORE: usize = 128 + 15;
/// How one ends that saw what it must not.
const SAW_ANOTHERS: u8 = 9;
/// What the page of a round holds, and what the next owner of its frame writes.
const OWN: u32 = 0x600d_0000;
const ANOTHERS: u32 = 0xbad0_0000;
/// Looks of the other thread before its page goes.
const LOOKS: u32 = 20;
/// Several leaves one level up, of 2 MiB or of 4 MiB.
const LARGE: usize = 16 << 20;
/// The alignment of a leaf one level up.
const STEP: usize = if usize::BITS == 64 { 2 << 20 } else { 4 << 20 };

static ROUNDS: AtomicUsize = AtomicUsize::new(20);

fn run(arguments: Arguments) -> u8 {
    if let Some(rounds) = arguments.number(2) {
        ROUNDS.store(rounds, Ordering::Relaxed);
    }
    if arguments.word(1) == Some("forever") {
        return forever();
    }
    let parts: [(&str, Part); 7] = [
        ("unmap", unmap),
        ("protect", protect),
        ("written", written),
        ("exit", exit),
        ("split", split),
        ("fork", fork),
        ("storm", storm),
    ];
    let wanted = arguments.word(1);
    run_parts("race_test", &parts, wanted)
}

fn rounds() -> usize {
    ROUNDS.load(Ordering::Relaxed)
}

/// What a child ends with that does `what`.
fn child(what: impl FnOnce() -> Result<(), Error>) -> Result<usize, Error> {
    match call::fork()? {
        0 => call::exit(u8::from(what().is_err())),
        child => call::wait(child),
    }
}

/// How often the other thread has looked.
static SEEN: AtomicU32 = AtomicU32::new(0);

/// Reads its page without end.
extern "C" fn reader(page: usize) -> usize {
    loop {
        if read_at(page) != OWN {
            call::exit(SAW_ANOTHERS);
        }
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes its page without end.
extern "C" fn writer(page: usize) -> usize {
    let mut value = OWN;
    loop {
        write_at(page, value);
        value = value.wrapping_add(1);
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until the other thread has looked that often since the round began.
fn until_seen(looks: u32) {
    while SEEN.load(Ordering::Relaxed) < looks {
        // On one hart it has no turn else.
        call::yield_now();
    }
}

/// A page with [`OWN`] in it, and a thread that is at it.
fn begin(entry: thread::ThreadEntry) -> Result<(usize, JoinHandle), Error> {
    SEEN.store(0, Ordering::Relaxed);
    let page = call::map(PAGE)?.as_ptr() as usize;
    write_at(page, OWN);
    let thread = thread::spawn(entry, page)?;
    until_seen(LOOKS);
    Ok((page, thread))
}

/// Pages that take the frames which are freed next.
const TAKERS: usize = 4;

/// Gives the other thread its turn, which must end the process.
fn wait_for_the_end() -> ! {
    loop {
        call::yield_now();
    }
}

fn unmap(tally: &mut Tally) -> Result<(), Error> {
    let ended = each_round(|| {
        // At addresses of their own before the page's is free.
        let takers = call::map(TAKERS * PAGE)?.as_ptr() as usize;
        let (page, _) = begin(reader)?;
        call::unmap_at(page, PAGE)?;
        for n in 0..TAKERS {
            write_at(takers + n * PAGE, ANOTHERS);
        }
        wait_for_the_end()
    })?;
    tally.add(is("rounds that a load ended", ended(BY_LOAD), rounds()));
    Ok(())
}

fn protect(tally: &mut Tally) -> Result<(), Error> {
    let ended = each_round(|| {
        let (page, _) = begin(reader)?;
        call::protect(page, PAGE, 0)?;
        wait_for_the_end()
    })?;
    tally.add(is("rounds that a load ended", ended(BY_LOAD), rounds()));
    Ok(())
}

/// What may not be written any more does not change any more.
fn written(tally: &mut Tally) -> Result<(), Error> {
    let ended = each_round(|| {
        let (page, _) = begin(writer)?;
        call::protect(page, PAGE, prot::READ)?;
        let before = read_at(page);
        for _ in 0..1000 {
            if read_at(page) != before {
                call::exit(SAW_ANOTHERS);
            }
        }
        wait_for_the_end()
    })?;
    tally.add(is("rounds that a store ended", ended(BY_STORE), rounds()));
    Ok(())
}

/// One thread ends the process while others fault.
fn exit(tally: &mut Tally) -> Result<(), Error> {
    let before = call::free_frames()?;
    let ended = each_round(|| {
        for _ in 0..3 {
            thread::spawn(toucher, 0)?;
        }
        SEEN.store(0, Ordering::Relaxed);
        until_seen(1);
        call::exit(7)
    })?;
    tally.add(is("rounds with their status", ended(7), rounds()));
    tally.add(is("free frames", call::free_frames()?, before));
    Ok(())
}

fn forever() -> u8 {
    for _ in 0..3 {
        if thread::spawn(toucher, 0).is_err() {
            return 1;
        }
    }
    toucher(0) as u8
}

/// Maps, touches and unmaps without end.
extern "C" fn toucher(_: usize) -> usize {
    while let Ok(page) = call::map(PAGE) {
        page[0] = 1;
        SEEN.fetch_add(1, Ordering::Relaxed);
        if call::unmap(page).is_err() {
            break;
        }
    }
    0
}

/// A large leaf is split and joined again while another thread reads in it.
fn split(tally: &mut Tally) -> Result<(), Error> {
    let at = call::map_as(LARGE, 0, map::WIRED, 0, STEP)?;
    write_at(at + STEP, OWN);
    SEEN.store(0, Ordering::Relaxed);
    let reader = thread::spawn(reads_until_stopped, at + STEP)?;
    for _ in 0..rounds() {
        let seen = SEEN.load(Ordering::Relaxed);
        call::protect(at + STEP + PAGE, PAGE, prot::READ)?;
        until_seen(seen.wrapping_add(1));
        call::protect(at + STEP + PAGE, PAGE, prot::READ | prot::WRITE)?;
    }
    SEEN.store(STOP, Ordering::Relaxed);
    tally.add(is("reads that were wrong", reader.join()?, 0));
    call::unmap_at(at, LARGE)
}

/// In the place of a number of looks: the end.
const STOP: u32 = u32::MAX;

/// Reads its page until it is to stop; how often it was wrong.
extern "C" fn reads_until_stopped(page: usize) -> usize {
    let mut wrong = 0;
    loop {
        wrong += usize::from(read_at(page) != OWN);
        let seen = SEEN.load(Ordering::Relaxed);
        if seen == STOP {
            return wrong;
        }
        let next = seen.wrapping_add(1);
        let _ = SEEN.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A copy of the process does not see what another thread of the first one writes.
fn fork(tally: &mut Tally) -> Result<(), Error> {
    let mut wrong = 0;
    let (page, _) = begin(writer)?;
    for _ in 0..rounds() {
        let ended = child(|| {
            let before = read_at(page);
            for _ in 0..1000 {
                if read_at(page) != before {
                    call::exit(SAW_ANOTHERS);
                }
            }
            Ok(())
        })?;
        wrong += usize::from(ended != 0);
        let seen = SEEN.load(Ordering::Relaxed);
        until_seen(seen.wrapping_add(1));
    }
    tally.add(is("copies that changed", wrong, 0));
    // The writer ends with the process.
    Ok(())
}

/// Threads map, write, protect and unmap beside each other; each finds what is its own.
fn storm(tally: &mut Tally) -> Result<(), Error> {
    let mut threads = [const { None }; 4];
    for (n, place) in threads.iter_mut().enumerate() {
        *place = Some(thread::spawn(works, n)?);
    }
    for (n, thread) in threads.into_iter().flatten().enumerate() {
        if thread.join()? != rounds() {
            println!("  wrong: thread {n}");
            tally.add(false);
        }
    }
    tally.add(true);
    Ok(())
}

/// Does its rounds; how many went as they must.
extern "C" fn works(number: usize) -> usize {
    (0..rounds())
        .filter(|round| works_once(number, *round).is_ok_and(|well| well))
        .count()
}

fn works_once(number: usize, round: usize) -> Result<bool, Error> {
    let pages = 1 + (number + round) % 4;
    let at = call::map(pages * PAGE)?.as_ptr() as usize;
    let mark = |page: usize| ((number << 24) + (round << 4) + page) as u32 | 1;
    let mut well = true;
    for page in 0..pages {
        well &= read_at(at + page * PAGE) == 0;
        write_at(at + page * PAGE, mark(page));
    }
    call::protect(at, PAGE, prot::READ)?;
    for page in 0..pages {
        well &= read_at(at + page * PAGE) == mark(page);
    }
    call::protect(at, PAGE, prot::READ | prot::WRITE)?;
    write_at(at, mark(0));
    call::unmap_at(at, pages * PAGE)?;
    Ok(well)
}

/// Has a process of its own do each round. The answer says how many ended with a status.
fn each_round(
    what: impl Fn() -> Result<(), Error> + Copy,
) -> Result<impl Fn(usize) -> usize, Error> {
    let mut counts = [0; 256];
    for _ in 0..rounds() {
        counts[child(what)? & 255] += 1;
    }
    for (status, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        println!("  {count} ended with status {status}");
    }
    Ok(move |status: usize| counts[status])
}
