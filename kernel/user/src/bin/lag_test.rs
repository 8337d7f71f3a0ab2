//! `lag_test`: how long others wait while a program makes calls on as many pages as it can.
//!
//! `lag_test hog BYTES` makes such calls without end, `lag_test exit BYTES` ends with that much memory.
//! Without a word it runs one after the other beside itself, sleeps a millisecond at a time, and says how many
//! instructions the longest sleep took: exact where instructions are counted (`-icount`).
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Advice, Error, map, prot};
use user::{Arguments, Counter, NOT_COUNTED, call, println};

user::main!(run);

/// Enough that one call on it takes many times a sleep.
const LINES: [&str; 2] = ["lag_test hog 50331648", "lag_test exit 25165824"];
const SLEEPS: usize = 40;
const RW: usize = prot::READ | prot::WRITE;

fn run(arguments: Arguments) -> u8 {
    let bytes = arguments.number(2).unwrap_or(0);
    let answer = match arguments.word(1) {
        None => match arguments.counter() {
            Some(counter) => return measure(counter),
            None => {
                println!("lag_test: {NOT_COUNTED}");
                return 1;
            }
        },
        Some("hog") => hog(bytes),
        Some("exit") => call::map_as(bytes, 0, map::POPULATE, 0, 0).map(|_| ()),
        Some(_) => {
            println!("usage: lag_test [hog BYTES|exit BYTES]");
            return 2;
        }
    };
    match answer {
        Ok(()) => 0,
        Err(error) => {
            println!("lag_test: {error}");
            1
        }
    }
}

/// Every call on a range, without end.
fn hog(bytes: usize) -> Result<(), Error> {
    println!("lag_test: begins");
    loop {
        let at = call::map_as(bytes, 0, map::POPULATE, 0, 0)?;
        call::protect(at, bytes, prot::READ)?;
        call::protect(at, bytes, RW)?;
        call::advise(at, bytes, Advice::DontNeed)?;
        call::advise(at, bytes, Advice::WillNeed)?;
        call::unmap_at(at, bytes)?;
        let row = call::map_as(bytes / 4, 0, map::WIRED, 0, 0)?;
        call::unmap_at(row, bytes / 4)?;
        let old = call::move_heap(bytes as isize)?;
        call::advise(old & !0xfff, bytes, Advice::WillNeed)?;
        call::move_heap(-(bytes as isize))?;
    }
}

fn measure(counter: Counter) -> u8 {
    let mut longest = 0;
    for line in LINES {
        match longest_sleep(line, &counter) {
            Ok(one) => {
                println!("lag_test: beside `{line}`: {one}");
                longest = longest.max(one);
            }
            Err(why) => {
                println!("lag_test: {why}");
                return 1;
            }
        }
    }
    println!("lag_test: the longest sleep of a millisecond took {longest} instructions");
    0
}

/// Beside one program at a time: with two, the sleeper may wait for the slice of the second, and what
/// is measured is the scheduler.
fn longest_sleep(line: &str, counter: &Counter) -> Result<usize, &'static str> {
    let start = || call::spawn(line).map_err(|_| "no task to wait for");
    let mut longest = 0;
    let mut beside = start()?;
    for _ in 0..SLEEPS {
        let begin = counter.read();
        call::sleep(1);
        longest = longest.max(counter.since(begin));
        if call::reap().is_ok() {
            // The hog runs without end, unless something is wrong with it.
            if line == LINES[0] {
                return Err("the hog has ended");
            }
            beside = start()?;
        }
    }
    let _ = call::kill(beside);
    while call::reap().is_err() {
        call::sleep(1);
    }
    Ok(longest)
}
