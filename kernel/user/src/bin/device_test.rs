//! `device_test`: registers of the board's devices as a program's own memory.
//!
//! The kernel lists the devices that a program may map, RAM and the console.
//! `device_test hold` keeps the first device until it is killed; `device_test take` tries to have it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Error, Topic, prot};
use user::check::{Tally, is};
use user::{Arguments, call, println, read_at};

user::main!(run);

const PAGE: usize = 4096;
/// Devices of a board that are tried.
const MOST: usize = 16;

/// A device that a program may map.
#[derive(Clone, Copy)]
struct Device {
    /// Physical page number of its first register.
    frame: usize,
    bytes: usize,
    /// Reading QEMU's clock and flash has no side effects, and their values are known.
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Clock,
    Flash,
    Other,
}

/// Facts about the board, from topic `boot`.
struct Board {
    devices: [Option<Device>; MOST],
    ram: usize,
    console: usize,
}

fn run(arguments: Arguments) -> u8 {
    let Some(board) = board() else {
        println!("device_test: the kernel does not list its devices");
        return 1;
    };
    let devices = || board.devices.iter().flatten();
    let clock = devices().find(|device| device.kind == Kind::Clock);
    let Some(first) = clock.or_else(|| devices().next()) else {
        println!("device_test: this board lists no device for programs");
        return 1;
    };
    match arguments.word(1) {
        Some("hold") => {
            let held = call::map_device(first.frame, PAGE, 0).is_ok();
            println!("device_test: holds the device: {held}");
            loop {
                call::sleep(1000);
            }
        }
        Some("take") => {
            println!(
                "device_test: {:?}",
                call::map_device(first.frame, PAGE, 0).map(|_| "taken")
            );
            0
        }
        None => whole(&board, first),
        Some(_) => {
            println!("usage: device_test [hold|take]");
            2
        }
    }
}

fn whole(board: &Board, first: &Device) -> u8 {
    let mut tally = Tally::default();
    for device in board.devices.iter().flatten() {
        whole_device(device, &mut tally);
    }
    for (name, frame, bytes) in [
        ("RAM", board.ram, PAGE),
        ("the console", board.console, PAGE),
        ("beyond its end", first.frame, first.bytes + PAGE),
        ("nothing", usize::MAX >> 12, PAGE),
        ("no address at all", usize::MAX, PAGE),
    ] {
        tally.add(is(
            name,
            call::map_device(frame, bytes, 0),
            Err(Error::BadAddress),
        ));
    }
    let code = call::map_device(first.frame, PAGE, prot::READ | prot::EXECUTE);
    tally.add(is("to be run", code, Err(Error::AccessDenied)));
    tally.end("device_test")
}

/// A whole device can be mapped, has the expected content and can be unmapped. Only registers without read
/// side effects are read.
fn whole_device(device: &Device, tally: &mut Tally) {
    let mapped = call::map_device(device.frame, device.bytes, prot::READ);
    tally.add(is("mapped", mapped.is_ok(), true));
    let Ok(at) = mapped else { return };
    match device.kind {
        Kind::Clock => {
            // The low half first: that keeps the high half (goldfish_rtc).
            let (low, high) = (read_at(at), read_at(at + 4));
            let seconds = (u64::from(high) << 32 | u64::from(low)) / 1_000_000_000;
            tally.add(is("a time after 2024", seconds > 1_700_000_000, true));
            println!("device_test: the clock says {seconds}");
        }
        Kind::Flash => {
            tally.add(is("a large leaf's place", at % (2 << 20), 0));
            read_at(at + (3 << 20));
            let frame = call::translate(at + (3 << 20)).map(|(frame, _)| frame);
            let right = device.frame + (3 << 20) / PAGE;
            tally.add(is("the page of it", frame, Ok(right)));
        }
        Kind::Other => {}
    }
    tally.add(is("freed", call::unmap_at(at, device.bytes), Ok(())));
}

/// Reads the lines of `boot`: `image 0x…`, `console KIND at 0x…`, `device NAME at 0x…, N bytes`.
fn board() -> Option<Board> {
    let mut board = Board {
        devices: [None; MOST],
        ram: 0,
        console: 0,
    };
    let (mut index, mut place) = (0, 0);
    loop {
        let mut text = [0; 256];
        let (bytes, next) = call::inspect((Topic::Boot, false), index, 0, &mut text).ok()?;
        let lines = core::str::from_utf8(&text[..bytes]).ok()?.lines();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            let (what, name) = (words.next()?, words.next()?);
            match what {
                "image" => board.ram = address(name)? / PAGE,
                "console" => board.console = address(words.nth(1)?)? / PAGE,
                "device" if place < MOST => {
                    board.devices[place] = Some(Device {
                        frame: address(words.nth(1)?)? / PAGE,
                        bytes: words.next()?.parse().ok()?,
                        kind: match name {
                            "rtc" => Kind::Clock,
                            "flash" => Kind::Flash,
                            _ => Kind::Other,
                        },
                    });
                    place += 1;
                }
                _ => {}
            }
        }
        if next == 0 {
            return Some(board);
        }
        index = next;
    }
}

fn address(word: &str) -> Option<usize> {
    usize::from_str_radix(word.strip_prefix("0x")?.trim_end_matches(','), 16).ok()
}
