//! `thread_test [WHAT]`: threads that share a space: join, mutex, condition, semaphore, priorities, many of them.
//!
//! Without a word all of it, each part with a line; with a part's name that part. `guard` and `below` run past the end of
//! a thread's stack, `fault` faults in a thread, `return` returns from the first thread's place: each ends the program.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::Error;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use user::sync::{Condvar, Mutex, Semaphore};
use user::thread::{self, Builder};
use user::{Arguments, call, println, read_at, run_at, write_at};

user::main!(run);

/// Threads that count together.
const COUNTERS: usize = 32;
const ROUNDS: usize = 200;
/// Threads that exist at once, as many as a space has to have room for.
const MANY: usize = 128;
const PAGE: usize = 4096;

fn run(arguments: Arguments) -> u8 {
    let Some(word) = arguments.word(1) else {
        return run_some(|_| true);
    };
    if PARTS.iter().any(|(name, _)| *name == word) {
        return run_some(|name| name == word);
    }
    let entry: thread::ThreadEntry = match word {
        "guard" => run_past_the_end,
        "below" => run_below,
        "fault" => fault,
        "return" => {
            // The first thread has no caller.
            run_at(abi::thread::EXIT_THREAD);
            return 1;
        }
        _ => {
            println!("usage: thread_test [PART|guard|below|fault|return]");
            return 2;
        }
    };
    let ended = thread::spawn(entry, 0).and_then(|thread| thread.join());
    println!("thread_test: {word}: {ended:?}");
    1
}

/// One thing that is tried.
type Part = fn() -> Result<(), Error>;

const PARTS: [(&str, Part); 7] = [
    ("join", join),
    ("mutex", mutex),
    ("condvar", condvar),
    ("semaphore", semaphore),
    ("timeout", timeout),
    ("priority", priority),
    ("many", many),
];

fn run_some(is_wanted: impl Fn(&str) -> bool) -> u8 {
    for (name, part) in PARTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        match part() {
            Ok(()) => println!("thread_test: {name} is well"),
            Err(error) => {
                println!("thread_test: {name}: {error}");
                return 1;
            }
        }
    }
    0
}

fn must(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Unknown) }
}

extern "C" fn double(argument: usize) -> usize {
    2 * argument
}

extern "C" fn leave(argument: usize) -> usize {
    call::thread_exit(argument + 1)
}

fn join() -> Result<(), Error> {
    let own = call::thread_self()?;
    must(own == call::pid()?)?;
    let returned = thread::spawn(double, 21)?;
    let id = returned.id();
    must(id != own)?;
    must(returned.join()? == 42)?;
    must(thread::spawn(leave, 6)?.join()? == 7)?;
    must(call::thread_join(id) == Err(Error::NoSuchTask))?;
    must(call::thread_join(own) == Err(Error::BadArgument))?;
    must(call::thread_create(0, 0, 0, 0) == Err(Error::BadArgument))?;
    must(call::thread_create(0, 0, PAGE, 256) == Err(Error::BadArgument))
}

static COUNT: Mutex<usize> = Mutex::new(0);

extern "C" fn count(_: usize) -> usize {
    for round in 0..ROUNDS {
        let mut count = COUNT.lock();
        let before = *count;
        if round % 16 == 0 {
            // Others find the lock held.
            call::yield_now();
        }
        *count = before + 1;
    }
    0
}

fn mutex() -> Result<(), Error> {
    let mut threads = [const { None }; COUNTERS];
    for place in &mut threads {
        *place = Some(thread::spawn(count, 0)?);
    }
    for thread in threads.into_iter().flatten() {
        thread.join()?;
    }
    must(*COUNT.lock() == COUNTERS * ROUNDS)
}

/// A number that one thread hands to another.
static HANDED: Mutex<Option<usize>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

extern "C" fn take(count: usize) -> usize {
    let mut sum = 0;
    for _ in 0..count {
        let mut handed = HANDED.lock();
        while handed.is_none() {
            handed = CHANGED.wait(handed);
        }
        sum += handed.take().unwrap_or(0);
        CHANGED.notify_all();
    }
    sum
}

fn condvar() -> Result<(), Error> {
    let takers = [thread::spawn(take, 50)?, thread::spawn(take, 50)?];
    for number in 1..=100 {
        let mut handed = HANDED.lock();
        while handed.is_some() {
            handed = CHANGED.wait(handed);
        }
        *handed = Some(number);
        CHANGED.notify_all();
    }
    let [a, b] = takers;
    must(a.join()? + b.join()? == 5050)
}

static ROOM: Semaphore = Semaphore::new(3);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// The most that it saw inside.
extern "C" fn enter(_: usize) -> usize {
    let mut most = 0;
    for _ in 0..20 {
        ROOM.acquire();
        most = most.max(INSIDE.fetch_add(1, Ordering::Relaxed) + 1);
        call::yield_now();
        INSIDE.fetch_sub(1, Ordering::Relaxed);
        ROOM.release();
    }
    most
}

fn semaphore() -> Result<(), Error> {
    let mut threads = [const { None }; 8];
    for place in &mut threads {
        *place = Some(thread::spawn(enter, 0)?);
    }
    let mut most = 0;
    for thread in threads.into_iter().flatten() {
        most = most.max(thread.join()?);
    }
    must(most == 3)
}

static WORD: AtomicU32 = AtomicU32::new(1);

fn timeout() -> Result<(), Error> {
    let at = WORD.as_ptr() as usize;
    must(call::wait_on_address(at, 1, 5) == Err(Error::TimedOut))?;
    must(call::wait_on_address(at, 1, 0) == Err(Error::TimedOut))?;
    must(call::wait_on_address(at, 2, 5) == Err(Error::Busy))?;
    must(call::wait_on_address(at + 1, 1, 5) == Err(Error::BadAlignment))?;
    must(call::wait_on_address(0, 1, 5) == Err(Error::BadAddress))?;
    must(call::wake_address(at, usize::MAX) == Ok(0))
}

/// Who came, in their order: a digit each.
static ORDER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn come(digit: usize) -> usize {
    let before = ORDER.load(Ordering::Relaxed);
    ORDER.store(10 * before + digit, Ordering::Relaxed);
    0
}

fn priority() -> Result<(), Error> {
    let own = call::priority(0)?;
    must(own == abi::thread::DEFAULT_PRIORITY.into())?;
    // Above all that are started.
    call::set_priority(0, 200)?;
    let mut threads = [const { None }; 4];
    for (place, (digit, priority)) in
        threads
            .iter_mut()
            .zip([(1, 50), (2, 150), (3, 150), (4, 199)])
    {
        let builder = Builder {
            priority,
            ..Builder::default()
        };
        *place = Some(builder.spawn(come, digit)?);
    }
    must(ORDER.load(Ordering::Relaxed) == 0)?;
    // Raised, it goes before the others.
    let first = threads[0].as_ref().map_or(0, |thread| thread.id());
    call::set_priority(first, 198)?;
    for thread in threads.into_iter().flatten() {
        thread.join()?;
    }
    must(call::set_priority(0, own)? == 200)?;
    must(call::set_priority(0, 256) == Err(Error::BadArgument))?;
    must(ORDER.load(Ordering::Relaxed) == 4123)
}

static GATE: AtomicU32 = AtomicU32::new(0);

extern "C" fn stand(argument: usize) -> usize {
    let at = GATE.as_ptr() as usize;
    while GATE.load(Ordering::Acquire) == 0 {
        let _ = call::wait_on_address(at, 0, abi::thread::NO_TIMEOUT);
    }
    argument
}

fn many() -> Result<(), Error> {
    let mut threads = [const { None }; MANY];
    for (n, place) in threads.iter_mut().enumerate() {
        let builder = Builder {
            stack: PAGE,
            ..Builder::default()
        };
        *place = Some(builder.spawn(stand, n)?);
    }
    call::yield_now();
    GATE.store(1, Ordering::Release);
    call::wake_address(GATE.as_ptr() as usize, usize::MAX)?;
    let mut sum = 0;
    for thread in threads.into_iter().flatten() {
        sum += thread.join()?;
    }
    must(sum == MANY * (MANY - 1) / 2)
}

extern "C" fn run_past_the_end(_: usize) -> usize {
    let local = 0_u8;
    let page = &raw const local as usize / PAGE * PAGE;
    println!("thread_test: behind the stack");
    read_at(page + PAGE) as usize
}

extern "C" fn run_below(_: usize) -> usize {
    let local = 0_u8;
    let page = &raw const local as usize / PAGE * PAGE;
    println!("thread_test: below the stack");
    write_at(page - thread::STACK_BYTES, 1);
    0
}

extern "C" fn fault(_: usize) -> usize {
    println!("thread_test: a thread faults");
    read_at(0) as usize
}
