//! `map_test`: what `Mmap`, `Munmap`, `Protect`, `Advise`, `Sbrk` and `Translate` promise.
//!
//! `map_test DEED` does one thing that must end it; the test runs itself so.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Advice, Error, Set, map, prot};
use user::check::{Tally, is, status_of};
use user::{Arguments, Counter, NOT_COUNTED, call, println, read_at, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// How a task ends that a store, or a load, killed.
const BY_STORE: usize = 128 + 15;
const BY_LOAD: usize = 128 + 13;
const RW: usize = prot::READ | prot::WRITE;

fn run(arguments: Arguments) -> u8 {
    let mut tally = Tally::default();
    match arguments.word(1) {
        Some("budget") => return budget(arguments.counter()),
        Some(deed) => {
            die(deed);
            println!("map_test {deed}: still alive");
            return 1;
        }
        None => {}
    }
    places(&mut tally);
    guards(&mut tally);
    rights(&mut tally);
    advice(&mut tally);
    wired(&mut tally);
    heap(&mut tally);
    refusals(&mut tally);
    tally.end("map_test")
}

fn pages(count: usize) -> usize {
    call::map_as(count * PAGE, 0, 0, 0, 0).unwrap_or(0)
}

/// Addresses of mappings: a reused hole, a multiple, a fixed address.
fn places(tally: &mut Tally) {
    let first = pages(3);
    let second = pages(2);
    tally.add(is("a gap of one page", second, first + 4 * PAGE));
    tally.add(is("unmap", call::unmap_at(first, 3 * PAGE), Ok(())));
    tally.add(is("the hole is used again", pages(3), first));
    let aligned = call::map_as(PAGE, 0, 0, 0, 1 << 20);
    tally.add(is("a multiple", aligned.map(|at| at % (1 << 20)), Ok(0)));
    let kept = call::map_as(8 * PAGE, 0, map::RESERVE, 0, 0).unwrap_or(0);
    let inside = call::map_as(PAGE, 0, map::AT, kept + PAGE, 0);
    tally.add(is("reserved stays", inside, Err(Error::InUse)));
    tally.add(is(
        "reserved kills",
        status_of("map_test reserved"),
        BY_LOAD,
    ));
    tally.add(is("freed", call::unmap_at(kept, 8 * PAGE), Ok(())));
    let there = call::map_as(PAGE, 0, map::AT, kept + PAGE, 0);
    tally.add(is("at an address", there, Ok(kept + PAGE)));
    tally.add(is(
        "twice",
        call::map_as(PAGE, 0, map::AT, kept + PAGE, 0),
        Err(Error::InUse),
    ));
    tally.add(is("a page only", call::unmap_at(second, PAGE), Ok(())));
    write_at(second + PAGE, 7);
    tally.add(is("the other stays", read_at(second + PAGE), 7));
}

fn guards(tally: &mut Tally) {
    for deed in ["before", "behind"] {
        let line = if deed == "before" {
            "map_test before"
        } else {
            "map_test behind"
        };
        tally.add(is(deed, status_of(line), BY_STORE));
    }
}

/// Rights are removed and restored, never beyond the initial ones; data stays.
fn rights(tally: &mut Tally) {
    let at = pages(3);
    for page in 0..3 {
        write_at(at + page * PAGE, page as u32 + 1);
    }
    tally.add(is(
        "drop W",
        call::protect(at, 3 * PAGE, prot::READ),
        Ok(()),
    ));
    tally.add(is("readable", read_at(at + 2 * PAGE), 3));
    tally.add(is("store kills", status_of("map_test read-only"), BY_STORE));
    tally.add(is("drop all", call::protect(at + PAGE, PAGE, 0), Ok(())));
    tally.add(is("load kills", status_of("map_test hidden"), BY_LOAD));
    tally.add(is("all back", call::protect(at, 3 * PAGE, RW), Ok(())));
    tally.add(is("data stays", read_at(at + PAGE), 2));
    write_at(at, 9);
    let x = prot::READ | prot::EXECUTE;
    tally.add(is(
        "X was never given",
        call::protect(at, PAGE, x),
        Err(Error::AccessDenied),
    ));
    let wx = RW | prot::EXECUTE;
    tally.add(is(
        "W and X",
        call::protect(at, PAGE, wx),
        Err(Error::AccessDenied),
    ));
    let text = run as fn(Arguments) -> u8 as usize & !(PAGE - 1);
    tally.add(is(
        "text",
        call::protect(text, PAGE, RW),
        Err(Error::AccessDenied),
    ));
}

fn advice(tally: &mut Tally) {
    let at = pages(8);
    tally.add(is("not there", call::translate(at), Err(Error::NotFound)));
    tally.add(is(
        "will need",
        call::advise(at, 8 * PAGE, Advice::WillNeed),
        Ok(()),
    ));
    let there = (0..8).filter(|page| call::translate(at + page * PAGE).is_ok());
    tally.add(is("all there", there.count(), 8));
    write_at(at, 5);
    tally.add(is(
        "do not need",
        call::advise(at, 8 * PAGE, Advice::DontNeed),
        Ok(()),
    ));
    tally.add(is("gone", call::translate(at), Err(Error::NotFound)));
    tally.add(is("zero again", read_at(at), 0));
    tally.add(is(
        "here and there",
        call::advise(at, PAGE, Advice::Random),
        Ok(()),
    ));
}

/// Contiguous frames, and large leaves that are split and joined again.
fn wired(tally: &mut Tally) {
    let large = 4 << 20;
    let at = call::map_as(2 * large, 0, map::WIRED, 0, 0).unwrap_or(0);
    let frame = |page: usize| call::translate(at + page * PAGE).map_or(0, |(frame, _)| frame);
    let pages = 2 * large / PAGE;
    let in_a_row = (0..pages).all(|page| frame(page) == frame(0) + page);
    tally.add(is("frames in a row", in_a_row, true));
    tally.add(is("aligned", at % large % (2 << 20), 0));
    write_at(at + 5 * PAGE, 55);
    write_at(at + 6 * PAGE, 66);
    tally.add(is(
        "split",
        call::protect(at + 5 * PAGE, PAGE, prot::READ),
        Ok(()),
    ));
    tally.add(is(
        "data stays",
        (read_at(at + 5 * PAGE), read_at(at + 6 * PAGE)),
        (55, 66),
    ));
    write_at(at + 6 * PAGE, 67);
    tally.add(is("merge", call::protect(at + 5 * PAGE, PAGE, RW), Ok(())));
    tally.add(is(
        "and data too",
        (read_at(at + 5 * PAGE), read_at(at + 6 * PAGE)),
        (55, 67),
    ));
    tally.add(is("frames stay", frame(6), frame(0) + 6));
    tally.add(is("freed", call::unmap_at(at, 2 * large), Ok(())));
}

fn heap(tally: &mut Tally) {
    let end = call::move_heap(0).unwrap_or(1);
    tally.add(is("where it ends", end % PAGE, 0));
    tally.add(is("grows", call::move_heap(3 * PAGE as isize), Ok(end)));
    write_at(end + 2 * PAGE, 4);
    tally.add(is(
        "shrinks",
        call::move_heap(-(PAGE as isize)),
        Ok(end + 3 * PAGE),
    ));
    tally.add(is(
        "gone",
        call::translate(end + 2 * PAGE),
        Err(Error::BadAddress),
    ));
    tally.add(is(
        "grows again",
        call::move_heap(PAGE as isize),
        Ok(end + 2 * PAGE),
    ));
    tally.add(is("zero", read_at(end + 2 * PAGE), 0));
    tally.add(is(
        "too far back",
        call::move_heap(-(4 * PAGE as isize)),
        Err(Error::BadArgument),
    ));
    tally.add(is(
        "limit",
        call::set(Set::HeapLimit, 4 * PAGE),
        Ok(64 << 20),
    ));
    let beyond = call::move_heap(2 * PAGE as isize);
    tally.add(is("beyond it", beyond, Err(Error::LimitExceeded)));
    let less = call::set(Set::HeapLimit, PAGE);
    tally.add(is("less than there is", less, Err(Error::LimitExceeded)));
    tally.add(is("what it is", call::set(Set::HeapLimit, 0), Ok(4 * PAGE)));
    tally.add(is(
        "back",
        call::move_heap(-(3 * PAGE as isize)),
        Ok(end + 3 * PAGE),
    ));
}

fn refusals(tally: &mut Tally) {
    let at = pages(2);
    let none = call::map_as(0, 0, 0, 0, 0);
    tally.add(is("no byte", none, Err(Error::BadArgument)));
    let dirty = call::map_as(PAGE, 0, map::UNINITIALISED, 0, 0);
    tally.add(is("another's data", dirty, Err(Error::AccessDenied)));
    tally.add(is(
        "an unknown flag",
        call::map_as(PAGE, 0, 32, 0, 0),
        Err(Error::BadArgument),
    ));
    let odd = call::map_as(PAGE, 0, map::AT, at + 1, 0);
    tally.add(is("no page's address", odd, Err(Error::BadAlignment)));
    let kernel = usize::MAX / 2 + 1;
    let low = call::map_as(PAGE, 0, map::AT, kernel, 0);
    tally.add(is("the kernel's", low, Err(Error::BadAddress)));
    let first = call::map_as(PAGE, 0, map::AT, 0, 0);
    tally.add(is("the first page", first, Err(Error::BadAddress)));
    let special = call::map_as(PAGE, 0, map::AT, 0xff80_2000, 0);
    tally.add(is("a special address", special, Err(Error::BadAddress)));
    let all = call::map_as(usize::MAX, 0, 0, 0, 0);
    tally.add(is("all there is", all, Err(Error::NoAddressSpace)));
    tally.add(is(
        "a hole",
        call::unmap_at(at, 3 * PAGE),
        Err(Error::BadAddress),
    ));
    tally.add(is(
        "nothing",
        call::unmap_at(at - PAGE, PAGE),
        Err(Error::NotFound),
    ));
    tally.add(is(
        "the kernel's",
        call::unmap_at(kernel, PAGE),
        Err(Error::NotFound),
    ));
    let text = run as fn(Arguments) -> u8 as usize & !(PAGE - 1);
    tally.add(is(
        "the text",
        call::unmap_at(text, PAGE),
        Err(Error::AccessDenied),
    ));
}

/// Each deed must end its task.
fn die(deed: &str) {
    let at = pages(2);
    match deed {
        "before" => write_at(at - 8, 1),
        "behind" => write_at(at + 2 * PAGE + 4, 1),
        "read-only" => {
            // The page is resident and in use: a stale translation would permit the store.
            write_at(at, 1);
            let _ = call::protect(at, PAGE, prot::READ);
            write_at(at, 2);
        }
        "hidden" => {
            write_at(at, 1);
            let _ = call::protect(at, PAGE, 0);
            read_at(at);
        }
        "reserved" => {
            let kept = call::map_as(PAGE, 0, map::RESERVE, 0, 0).unwrap_or(0);
            read_at(kept);
        }
        _ => println!("usage: map_test [before|behind|read-only|hidden|reserved|budget]"),
    }
}

/// Cost in instructions of mapping more than there are frames.
fn budget(counter: Option<Counter>) -> u8 {
    let Some(counter) = counter else {
        println!("map_test: {NOT_COUNTED}");
        return 1;
    };
    let bytes = if usize::BITS == 64 {
        1 << 30
    } else {
        512 << 20
    };
    let before = counter.read();
    let at = call::map_as(bytes, 0, 0, 0, 0);
    let cost = counter.since(before);
    println!(
        "map_test: {} MiB mapped in {cost} instructions",
        bytes >> 20
    );
    u8::from(at.is_err())
}
