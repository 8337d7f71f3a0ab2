//! `fork_test`: copies of a process, and programs in the place of others.
//!
//! `fork_test exec NUMBER PID` is run in the place of another program: it ends with the number if all about it is new but
//! its process. `fork_test threads` has a thread of its own run that.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::{Error, map};
use user::check::{Tally, is, status_of};
use user::text::CommandLine;
use user::{Arguments, call, println, read_at, thread, write_at};

user::main!(run);

const PAGE: usize = 4096;
const BY_LOAD: usize = 128 + 13;
/// More pages than one entry into the kernel makes common.
const MANY: usize = 5000;

/// A variable of the program's file, and one that is zero at first.
static VARIABLE: AtomicU32 = AtomicU32::new(5);
static ZERO: AtomicU32 = AtomicU32::new(0);

fn run(arguments: Arguments) -> u8 {
    match arguments.word(1) {
        Some("exec") => executed(&arguments),
        Some("threads") => threads(),
        None => whole(),
        _ => {
            println!("usage: fork_test");
            2
        }
    }
}

/// What a child ends with that does `what`.
fn child(what: impl FnOnce() -> u8) -> usize {
    match call::fork() {
        Ok(0) => call::exit(what()),
        Ok(child) => call::wait(child).unwrap_or(255),
        Err(_) => 254,
    }
}

fn whole() -> u8 {
    let mut tally = Tally::default();
    let me = call::pid();
    tally.add(is("a child has its own status", child(|| 42), 42));
    tally.add(is(
        "and its own number",
        child(|| u8::from(call::pid() != me)),
        1,
    ));
    views(&mut tally);
    kinds(&mut tally);
    families(&mut tally);
    many(&mut tally);
    programs(&mut tally);
    tally.add(is("the parent is who it was", call::pid(), me));
    tally.end("fork_test")
}

/// Each sees what was before the fork, and nothing of what the other does afterwards.
fn views(tally: &mut Tally) {
    let heap = call::grow(2 * PAGE).map_or(0, |heap| heap.as_ptr() as usize);
    let mapped = call::map(2 * PAGE).map_or(0, |mapped| mapped.as_ptr() as usize);
    let places = [heap, heap + PAGE, mapped];
    for (n, at) in (1..).zip(places) {
        write_at(at, n);
    }
    VARIABLE.store(6, Ordering::Relaxed);
    let mut local = black_box(7);
    let float = black_box(1.5_f64);
    let seen = child(|| {
        let before = (1..).zip(places).all(|(n, at)| read_at(at) == n)
            && VARIABLE.load(Ordering::Relaxed) == 6
            && black_box(local) == 7
            && black_box(float) * 2.0 == 3.0
            && read_at(mapped + PAGE) == 0;
        local = black_box(70);
        VARIABLE.store(60, Ordering::Relaxed);
        ZERO.store(1, Ordering::Relaxed);
        for at in [heap, heap + PAGE, mapped, mapped + PAGE] {
            write_at(at, 99);
        }
        u8::from(before && local == 70 && read_at(mapped) == 99)
    });
    tally.add(is("a child sees all that was", seen, 1));
    let own = (1..).zip(places).all(|(n, at)| read_at(at) == n);
    tally.add(is("and its parent nothing of what it does", own, true));
    tally.add(is("in pages that came later", read_at(mapped + PAGE), 0));
    let variables = (
        VARIABLE.load(Ordering::Relaxed),
        ZERO.load(Ordering::Relaxed),
        black_box(local),
    );
    tally.add(is("in variables and on the stack", variables, (6, 0, 7)));
    // The other way round: the parent writes first.
    let pid = call::fork();
    if pid == Ok(0) {
        call::sleep(2);
        call::exit(u8::from(read_at(heap) == 1 && read_at(mapped) == 3));
    }
    for at in places {
        write_at(at, 50);
    }
    let seen = pid.and_then(call::wait);
    tally.add(is("a child keeps what its parent overwrites", seen, Ok(1)));
    let shrunk = child(|| u8::from(call::move_heap(100 - 2 * PAGE as isize).is_ok()));
    tally.add(is("a child's heap shrinks", shrunk, 1));
    tally.add(is("and its parent's does not", read_at(heap + 200), 0));
    tally.add(is("nor what is in it", read_at(heap + PAGE), 50));
}

/// Memory that is not just pages.
fn kinds(tally: &mut Tally) {
    let id = call::share_create(PAGE).unwrap_or(usize::MAX);
    let shared = call::share_attach(id, 0, 0).unwrap_or(0);
    write_at(shared, 1);
    let answered = child(|| {
        let seen = read_at(shared);
        write_at(shared, 2);
        seen as u8
    });
    tally.add(is("shared memory is shared", answered, 1));
    tally.add(is("with a child too", read_at(shared), 2));
    let wired = call::map_as(2 * PAGE, 0, map::WIRED, 0, 0).unwrap_or(0);
    write_at(wired, 3);
    let killed = child(|| read_at(wired) as u8);
    tally.add(is("frames in a row are not a child's", killed, BY_LOAD));
    write_at(wired, 4);
    tally.add(is("and stay", read_at(wired), 4));
    let ended = call::share_detach(shared).and_then(|()| call::share_destroy(id));
    tally.add(is("its parent ends it", ended, Ok(())));
    // Rights that a program takes away and grants again do not undo a fork.
    let page = call::map(PAGE).map_or(0, |page| page.as_ptr() as usize);
    write_at(page, 8);
    let _ = call::protect(page, PAGE, 0);
    let written = child(|| {
        let _ = call::protect(page, PAGE, abi::prot::READ | abi::prot::WRITE);
        let seen = read_at(page);
        write_at(page, 9);
        seen as u8
    });
    tally.add(is("what was hidden is there", written, 8));
    let _ = call::protect(page, PAGE, abi::prot::READ | abi::prot::WRITE);
    tally.add(is("and private", read_at(page), 8));
}

/// Children of children, and the last one who writes.
fn families(tally: &mut Tally) {
    let page = call::map(PAGE).map_or(0, |page| page.as_ptr() as usize);
    write_at(page, 1);
    let deepest = child(|| {
        write_at(page, 2);
        let inner = child(|| {
            let seen = read_at(page);
            write_at(page, 3);
            child(|| seen as u8 + read_at(page) as u8) as u8
        });
        inner as u8 + read_at(page) as u8
    });
    tally.add(is("each has its own view", deepest, 2 + 3 + 2));
    tally.add(is("the oldest too", read_at(page), 1));
    write_at(page, 11);
    tally.add(is("who is left writes", read_at(page), 11));
    let mut good = 0;
    for n in 0..200_u8 {
        good += usize::from(child(|| n) == usize::from(n));
    }
    tally.add(is("two hundred children", good, 200));
}

/// More than one entry into the kernel is enough for.
fn many(tally: &mut Tally) {
    let at = call::map(MANY * PAGE).map_or(0, |many| many.as_ptr() as usize);
    for page in 0..MANY {
        write_at(at + page * PAGE, page as u32);
    }
    let seen = child(|| {
        let same = |page: &usize| read_at(at + page * PAGE) == *page as u32;
        let all = (0..MANY).all(|page| same(&page));
        write_at(at, 1000);
        write_at(at + (MANY - 1) * PAGE, 1000);
        u8::from(all)
    });
    tally.add(is("a child sees every page", seen, 1));
    let ends = (read_at(at), read_at(at + (MANY - 1) * PAGE));
    tally.add(is("and has its own", ends, (0, MANY as u32 - 1)));
    tally.add(is("which go", call::unmap_at(at, MANY * PAGE), Ok(())));
}

/// Programs in the place of others.
fn programs(tally: &mut Tally) {
    let replaced = |number: u8| {
        let pid = call::pid().unwrap_or(0);
        let line = CommandLine::of(format_args!("fork_test exec {number} {pid}"));
        ZERO.store(9, Ordering::Relaxed);
        let error = call::exec(line.as_str());
        println!("fork_test: not replaced: {error}");
        250
    };
    tally.add(is("a program in its place", child(|| replaced(33)), 33));
    tally.add(is("by a thread of it", status_of("fork_test threads"), 44));
    tally.add(is(
        "no such program",
        call::exec("nothing"),
        Error::NotFound,
    ));
    tally.add(is("nor such a line", call::exec("  "), Error::BadArgument));
    let long = core::str::from_utf8(&[b'a'; 97]).unwrap_or("");
    tally.add(is(
        "nor so long a one",
        call::exec(long),
        Error::LimitExceeded,
    ));
    tally.add(is("a program's end is a child's", status_of("hello"), 0));
}

/// Was this program put in the place of another one? Then its variables are as in its file, and its process is the same.
fn executed(arguments: &Arguments) -> u8 {
    let is_new = ZERO.load(Ordering::Relaxed) == 0 && VARIABLE.load(Ordering::Relaxed) == 5;
    let is_same = call::pid().ok() == arguments.number(3);
    match (is_new && is_same, arguments.number(2)) {
        (true, Some(number)) => number as u8,
        _ => 251,
    }
}

extern "C" fn replace_all(pid: usize) -> usize {
    let line = CommandLine::of(format_args!("fork_test exec 44 {pid}"));
    call::exec(line.as_str()) as usize
}

extern "C" fn fork_alone(_: usize) -> usize {
    // The other threads are not in the child: it would go on without end if one were, and kept it.
    child(|| 3)
}

extern "C" fn wait_long(_: usize) -> usize {
    call::sleep(100_000);
    0
}

/// A thread forks, and then takes the place of all of them.
fn threads() -> u8 {
    let waiting = thread::spawn(wait_long, 0);
    let forked = thread::spawn(fork_alone, 0).and_then(thread::JoinHandle::join);
    let pid = call::pid().unwrap_or(0);
    if waiting.is_err() || forked != Ok(3) {
        return 252;
    }
    match thread::spawn(replace_all, pid).and_then(thread::JoinHandle::join) {
        Ok(_) => 253,
        Err(_) => 254,
    }
}
