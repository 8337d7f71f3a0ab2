//! `cost_test [ROUNDS]`: what a system call, a yield, a mapping and a process cost, in instructions.
//!
//! Each is repeated, and the cheapest and the dearest round are printed: the first rounds also pay for pages of this
//! program. `cost_test exit` only ends; it is the process that is started and waited for.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::Error;
use user::{Arguments, Counter, NOT_COUNTED, call, println, write_at};

user::main!(run);

const PAGE: usize = 4096;
/// Enough rounds that the program's pages and tables are resident.
const ROUNDS: usize = 32;

fn run(arguments: Arguments) -> u8 {
    if arguments.word(1) == Some("exit") {
        return 0;
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
        .and_then(|()| measure(counter, "spawn.wait", rounds, spawn_and_wait));
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
