//! `cost_test [ROUNDS]`: what a system call, a yield, a mapping, a process, a switch, a thread, a message, a handler and a fork cost, in
//! instructions.
//!
//! Each is repeated, and the cheapest and the dearest round are printed: the first rounds also pay for pages of this
//! program. `cost_test exit` only ends; it is the process that is started and waited for. `cost_test serve` answers messages. `cost_test peer` and
//! `cost_test floats` only yield, the latter with float registers that it has written to.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU32, Ordering};

use abi::Error;
use abi::thread::NO_TIMEOUT;
use user::message::{Server, ServerConnection};
use user::thread::{self, Builder};
use user::{Arguments, Counter, NOT_COUNTED, call, handler, println, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// Enough rounds that the program's pages and tables are resident.
const ROUNDS: usize = 32;

fn run(arguments: Arguments) -> u8 {
    match arguments.word(1) {
        Some("exit") => return 0,
        Some("serve") => return u8::from(serve().is_err()),
        Some("peer") => loop {
            call::yield_now();
        },
        Some("floats") => loop {
            dirty_floats();
            call::yield_now();
        },
        _ => {}
    }
    let Some(counter) = arguments.counter() else {
        println!("cost_test: {NOT_COUNTED}");
        return 1;
    };
    let rounds = arguments.number(1).unwrap_or(ROUNDS);
    let measured = measure(counter, "call.null", rounds, || call::pid().map(drop))
        .and_then(|()| {
            measure(counter, "yield", rounds, || {
                call::yield_now();
                Ok(())
            })
        })
        .and_then(|()| measure(counter, "mmap.touch", rounds, map_touch_unmap))
        .and_then(|()| measure(counter, "spawn.wait", rounds, spawn_and_wait))
        .and_then(|()| measure(counter, "thread.create_join", rounds, create_and_join))
        .and_then(|()| wakes(counter, rounds))
        .and_then(|()| switches(counter, "switch.process", "cost_test peer", rounds, || {}))
        .and_then(|()| messages(counter, rounds))
        .and_then(|()| {
            let (name, peer) = ("switch.process.floats", "cost_test floats");
            switches(counter, name, peer, rounds, dirty_floats)
        })
        .and_then(|()| handles(counter, rounds))
        .and_then(|()| forks(counter));
    match measured {
        Ok(()) => 0,
        Err(error) => {
            println!("cost_test: {error}");
            1
        }
    }
}

/// The cheapest and the dearest of `rounds`, the counter's own two instructions included.
fn measure(
    counter: Counter,
    name: &str,
    rounds: usize,
    mut round: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..rounds {
        let before = counter.read();
        round()?;
        let cost = counter.since(before);
        least = least.min(cost);
        most = most.max(cost);
    }
    println!("cost_test: {name} min {least} max {most} instructions");
    Ok(())
}

/// A page of zeros: mapped, written to, and taken away again with its tables.
fn map_touch_unmap() -> Result<(), Error> {
    let at = call::map_as(PAGE, 0, 0, 0, 0)?;
    write_at(at, 1);
    call::unmap_at(at, PAGE)
}

fn spawn_and_wait() -> Result<(), Error> {
    match call::wait(call::spawn("cost_test exit")?)? {
        0 => Ok(()),
        _ => Err(Error::Unknown),
    }
}

extern "C" fn nothing(argument: usize) -> usize {
    argument
}

fn create_and_join() -> Result<(), Error> {
    let builder = Builder {
        stack: PAGE,
        ..Builder::default()
    };
    match builder.spawn(nothing, 3)?.join()? {
        3 => Ok(()),
        _ => Err(Error::Unknown),
    }
}

/// Writes to a float register, where programs have them.
fn dirty_floats() {
    use core::hint::black_box;
    // Without such registers this would be a multiplication by hand, which is no part of a switch.
    if cfg!(target_feature = "d") {
        black_box(black_box(1.5_f64) * black_box(2.5));
    }
}

/// There and back: to another process that only yields. What it does itself, ten instructions, is counted too.
fn switches(
    counter: Counter,
    name: &str,
    peer: &str,
    rounds: usize,
    before: fn(),
) -> Result<(), Error> {
    let peer = call::spawn(peer)?;
    // Until its pages are there.
    for _ in 0..8 {
        call::yield_now();
    }
    let measured = measure(counter, name, rounds, || {
        before();
        call::yield_now();
        Ok(())
    });
    call::kill(peer)?;
    call::wait(peer)?;
    measured
}

/// The name of the server that is measured.
const SERVER: &str = "cost_test";
/// The first word of the message that ends it.
const END: usize = 1;

/// Answers every message at once.
fn serve() -> Result<(), Error> {
    let server = Server::create(SERVER)?;
    let mut message = server.receive(NO_TIMEOUT)?;
    while message.words[0] != END {
        message = message.answer_and_receive(message.words, NO_TIMEOUT)?;
    }
    message.answer([0; 5])
}

/// There and back: five words to a server in another process, and its answer.
fn messages(counter: Counter, rounds: usize) -> Result<(), Error> {
    let child = call::spawn("cost_test serve")?;
    let server = ServerConnection::to(SERVER, NO_TIMEOUT)?;
    measure(counter, "ipc.scalar", rounds, || {
        server.ask([2, 3, 4, 5, 6]).map(drop)
    })?;
    let page = call::map(PAGE)?;
    page.fill(1);
    measure(counter, "ipc.lend", rounds, || {
        server.lend_mut(page, [2, 3]).map(drop)
    })?;
    server.ask([END, 0, 0, 0, 0])?;
    call::wait(child).map(drop)
}

/// Goes behind the instruction that faulted.
extern "C" fn skip(_cause: usize, pc: usize, _at: usize, _thread: usize) -> isize {
    handler::instruction_bytes(pc)
}

/// A store to nothing, which the program's handler skips; what the handler does, about ten instructions, is counted too.
fn handles(counter: Counter, rounds: usize) -> Result<(), Error> {
    handler::set(skip, call::map(PAGE)?)?;
    measure(counter, "handler", rounds, || {
        write_at(8, 1);
        Ok(())
    })?;
    handler::clear()
}

/// Pages that a process has which forks, in two leaf tables of Sv39 and one of Sv32.
const FORKED: usize = 1024;

/// A fork of a process with that many pages, and stores to pages that it has in common with its child, or had.
fn forks(counter: Counter) -> Result<(), Error> {
    let at = call::map_as(FORKED * PAGE, 0, 0, 0, FORKED * PAGE)?;
    let store = |page: usize| write_at(at + page * PAGE, 1);
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..4 {
        // Each is the process' own again, so that the fork takes a right from each.
        (0..FORKED).for_each(store);
        let before = counter.read();
        let child = call::fork()?;
        if child == 0 {
            call::exit(0);
        }
        let cost = counter.since(before);
        (least, most) = (least.min(cost), most.max(cost));
        call::wait(child)?;
    }
    println!("cost_test: fork.page min {least} max {most} instructions");
    last_owner(counter, &store)?;
    let child = call::fork()?;
    if child == 0 {
        loop {
            call::sleep(1_000_000);
        }
    }
    stores(counter, "cow", &store);
    call::kill(child)?;
    call::wait(child)?;
    call::unmap_at(at, FORKED * PAGE)
}

/// Stores to pages that a child had, which has ended.
fn last_owner(counter: Counter, store: &impl Fn(usize)) -> Result<(), Error> {
    let child = call::fork()?;
    if child == 0 {
        call::exit(0);
    }
    call::wait(child)?;
    stores(counter, "cow.last", store);
    Ok(())
}

/// One store to each page.
fn stores(counter: Counter, name: &str, store: &impl Fn(usize)) {
    let (mut least, mut most) = (usize::MAX, 0);
    for page in 0..FORKED {
        let before = counter.read();
        store(page);
        let cost = counter.since(before);
        (least, most) = (least.min(cost), most.max(cost));
    }
    println!("cost_test: {name} min {least} max {most} instructions");
}

static WORD: AtomicU32 = AtomicU32::new(0);

extern "C" fn wait_for_wakes(_: usize) -> usize {
    let at = WORD.as_ptr() as usize;
    while call::wait_on_address(at, 0, NO_TIMEOUT).is_ok() {}
    0
}

/// A wake of one thread that waits; it runs and waits again outside of what is counted.
fn wakes(counter: Counter, rounds: usize) -> Result<(), Error> {
    let thread = thread::spawn(wait_for_wakes, 0)?;
    let at = WORD.as_ptr() as usize;
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..rounds {
        call::yield_now();
        let before = counter.read();
        let woken = call::wake_address(at, 1)?;
        let cost = counter.since(before);
        if woken != 1 {
            return Err(Error::Unknown);
        }
        least = least.min(cost);
        most = most.max(cost);
    }
    println!("cost_test: wake.address min {least} max {most} instructions");
    WORD.store(1, Ordering::Relaxed);
    call::wake_address(at, 1)?;
    thread.join().map(drop)
}
