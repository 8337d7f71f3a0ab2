//! `handler_test [PART]`: what the exception handler of a program is called for, and what it can do.
//!
//! `handler_test child nested`, `child forged ADDRESS` and `child exit` are children that end.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::thread::{
    EXIT_THREAD, RETURN_FROM_EXCEPTION_HANDLER, RETURN_FROM_ISR, RETURN_FROM_SWAPPER,
};
use abi::{Cause, Error};
use user::check::{Tally, is, run_parts, status_of};
use user::{Arguments, breakpoint, call, handler, illegal, read_at, run_at, thread, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// No program has memory there.
const NOWHERE: usize = 0x70;

fn run(arguments: Arguments) -> u8 {
    if arguments.word(1) == Some("child") {
        return child(&arguments);
    }
    run_parts(
        "handler_test",
        &[
            ("skip", skips),
            ("causes", causes),
            ("mend", mends),
            ("threads", threads),
            ("ends", ends),
            ("nested", nested),
            ("forged", forged),
        ],
        arguments.word(1),
    )
}

/// Ends as its second word says; status 1 if there was no handler.
fn child(arguments: &Arguments) -> u8 {
    let set = |entry| call::map(PAGE).and_then(|stack| handler::set(entry, stack));
    let kind = arguments.word(2);
    let entry = match kind {
        Some("nested") => fault_again,
        Some("exit") => end_thread,
        _ => skip,
    };
    if set(entry).is_err() {
        return 1;
    }
    match kind {
        Some("forged") => {
            run_at(arguments.number(3).unwrap_or(0));
        }
        _ => write_at(NOWHERE, 1),
    }
    0
}

static CALLS: AtomicUsize = AtomicUsize::new(0);
static CAUSE: AtomicUsize = AtomicUsize::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static FAULTED: AtomicUsize = AtomicUsize::new(0);
/// The handler's own thread.
static THREAD: AtomicUsize = AtomicUsize::new(0);

/// Notes what it is called for, and goes behind the instruction.
extern "C" fn skip(cause: usize, pc: usize, at: usize, thread: usize) -> isize {
    CALLS.fetch_add(1, Ordering::Relaxed);
    CAUSE.store(cause, Ordering::Relaxed);
    ADDRESS.store(at, Ordering::Relaxed);
    FAULTED.store(thread, Ordering::Relaxed);
    THREAD.store(call::thread_self().unwrap_or(0), Ordering::Relaxed);
    handler::instruction_bytes(pc)
}

/// Maps the page that was missing, and tries again.
extern "C" fn mend(_: usize, _: usize, at: usize, _: usize) -> isize {
    CALLS.fetch_add(1, Ordering::Relaxed);
    if call::map_as(PAGE, 0, abi::map::AT, at & !(PAGE - 1), 0).is_err() {
        call::exit(9);
    }
    0
}

extern "C" fn fault_again(_: usize, _: usize, _: usize, _: usize) -> isize {
    illegal();
    0
}

extern "C" fn end_thread(_: usize, _: usize, at: usize, _: usize) -> isize {
    call::thread_exit(at)
}

fn skips(tally: &mut Tally) -> Result<(), Error> {
    handler::set(skip, call::map(PAGE)?)?;
    for round in 1..=100 {
        write_at(NOWHERE + round * 4, 1);
        tally.add(CALLS.load(Ordering::Relaxed) == round);
        tally.add(ADDRESS.load(Ordering::Relaxed) == NOWHERE + round * 4);
    }
    let own = call::thread_self()?;
    tally.add(is("who faulted", FAULTED.load(Ordering::Relaxed), own));
    tally.add(THREAD.load(Ordering::Relaxed) != own);
    handler::clear()
}

fn causes(tally: &mut Tally) -> Result<(), Error> {
    handler::set(skip, call::map(PAGE)?)?;
    let mut calls = |what: &str, cause: Cause, fault: fn()| {
        fault();
        let found = CAUSE.load(Ordering::Relaxed);
        tally.add(is(what, Cause::decode(found as u8), cause));
    };
    calls("a load", Cause::LoadPageFault, || {
        read_at(NOWHERE);
    });
    calls("a store", Cause::StorePageFault, || write_at(NOWHERE, 1));
    calls("no instruction", Cause::IllegalInstruction, illegal);
    calls("a breakpoint", Cause::Breakpoint, breakpoint);
    handler::clear()
}

fn mends(tally: &mut Tally) -> Result<(), Error> {
    handler::set(mend, call::map(PAGE)?)?;
    // Addresses that were the program's and are not any more.
    let at = call::map_as(4 * PAGE, 0, 0, 0, 0)?;
    call::unmap_at(at, 4 * PAGE)?;
    let before = CALLS.load(Ordering::Relaxed);
    for page in 0..4 {
        write_at(at + page * PAGE, 5 + page as u32);
        tally.add(is("a page", read_at(at + page * PAGE), 5 + page as u32));
    }
    tally.add(is("calls", CALLS.load(Ordering::Relaxed) - before, 4));
    for page in 0..4 {
        call::unmap_at(at + page * PAGE, PAGE)?;
    }
    handler::clear()
}

/// Faults so many times.
extern "C" fn faults(times: usize) -> usize {
    for n in 0..times {
        write_at(NOWHERE + n % 8 * 4, 1);
        if n % 4 == 0 {
            call::yield_now();
        }
    }
    times
}

fn threads(tally: &mut Tally) -> Result<(), Error> {
    handler::set(skip, call::map(PAGE)?)?;
    let before = CALLS.load(Ordering::Relaxed);
    let mut all = [const { None }; 4];
    for (n, place) in all.iter_mut().enumerate() {
        let builder = thread::Builder {
            priority: 98 + n as u8,
            ..thread::Builder::default()
        };
        *place = Some(builder.spawn(faults, 200)?);
    }
    for thread in all.into_iter().flatten() {
        tally.add(is("a thread", thread.join()?, 200));
    }
    let calls = CALLS.load(Ordering::Relaxed) - before;
    tally.add(is("each fault is handled once", calls, 800));
    handler::clear()
}

fn ends(tally: &mut Tally) -> Result<(), Error> {
    handler::set(end_thread, call::map(PAGE)?)?;
    let value = thread::spawn(faults, 3)?.join()?;
    tally.add(is("a thread that was ended", value, NOWHERE));
    handler::clear()?;
    let status = status_of("handler_test child exit");
    tally.add(is("a program that was ended", status, NOWHERE));
    Ok(())
}

fn nested(tally: &mut Tally) -> Result<(), Error> {
    let status = status_of("handler_test child nested");
    tally.add(is("a handler that faults", status, 128 + 2));
    Ok(())
}

fn forged(tally: &mut Tally) -> Result<(), Error> {
    let lines = [
        (RETURN_FROM_ISR, "handler_test child forged 4286586880"),
        (EXIT_THREAD, "handler_test child forged 4286590976"),
        (
            RETURN_FROM_EXCEPTION_HANDLER,
            "handler_test child forged 4286595072",
        ),
        (RETURN_FROM_SWAPPER, "handler_test child forged 4286611456"),
    ];
    for (at, line) in lines {
        let named = line.rsplit(' ').next().and_then(|word| word.parse().ok());
        tally.add(is("the address", named, Some(at)));
        tally.add(is("a forged return", status_of(line), 128 + 12));
    }
    Ok(())
}
