//! `device_test`: registers of QEMU's `virt` machine as a program's own memory.
//!
//! `device_test hold` keeps the clock until it is killed; `device_test take` tries to have it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Error, prot};
use user::check::{Tally, is};
use user::{Arguments, call, println, read_at};

user::main!(run);

/// Physical page numbers: the clock, the flash, RAM, the console.
const CLOCK: usize = 0x10_1000 >> 12;
const FLASH: usize = 0x2000_0000 >> 12;
const RAM: usize = 0x8040_0000 >> 12;
const CONSOLE: usize = 0x1000_0000 >> 12;
const PAGE: usize = 4096;

fn run(arguments: Arguments) -> u8 {
    match arguments.word(1) {
        Some("hold") => {
            let held = call::map_device(CLOCK, PAGE, 0).is_ok();
            println!("device_test: holds the clock: {held}");
            loop {
                call::sleep(1000);
            }
        }
        Some("take") => {
            println!(
                "device_test: {:?}",
                call::map_device(CLOCK, PAGE, 0).map(|_| "taken")
            );
            0
        }
        None => whole(),
        Some(_) => {
            println!("usage: device_test [hold|take]");
            2
        }
    }
}

fn whole() -> u8 {
    let mut tally = Tally::default();
    let clock = call::map_device(CLOCK, PAGE, prot::READ).unwrap_or(0);
    // The low half first: that keeps the high half (goldfish_rtc).
    let (low, high) = (read_at(clock), read_at(clock + 4));
    let seconds = (u64::from(high) << 32 | u64::from(low)) / 1_000_000_000;
    tally.add(is("a time after 2024", seconds > 1_700_000_000, true));
    println!("device_test: the clock says {seconds}");
    tally.add(is("given back", call::unmap_at(clock, PAGE), Ok(())));
    let flash = call::map_device(FLASH, 4 << 20, prot::READ).unwrap_or(1);
    tally.add(is("a large leaf's place", flash % (2 << 20), 0));
    read_at(flash + (3 << 20));
    let frame = call::translate(flash + (3 << 20)).map(|(frame, _)| frame);
    tally.add(is("the page of it", frame, Ok(FLASH + (3 << 20) / PAGE)));
    for (name, frame, bytes) in [
        ("RAM", RAM, PAGE),
        ("the console", CONSOLE, PAGE),
        ("beyond its end", CLOCK, 2 * PAGE),
        ("nothing", usize::MAX >> 12, PAGE),
        ("no address at all", usize::MAX, PAGE),
    ] {
        tally.add(is(
            name,
            call::map_device(frame, bytes, 0),
            Err(Error::BadAddress),
        ));
    }
    let code = call::map_device(CLOCK, PAGE, prot::READ | prot::EXECUTE);
    tally.add(is("to be run", code, Err(Error::AccessDenied)));
    tally.end("device_test")
}
