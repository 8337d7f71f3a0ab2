//! `hostile CALLS [SEED]`: system calls with arguments that make no sense, as many as that.
//!
//! The kernel must refuse or obey each and stay well. What would only be a nuisance to the
//! reader is left out: ending itself or the shell, waiting for input, long sleeps.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Call, Error};
use user::{Arguments, call, println, raw_call};

user::main!(run);

const PAGE: usize = 4096;
/// One past the last address of the programs' lower part, the kernel, and RAM as it sees it.
#[cfg(target_pointer_width = "64")]
const PLACES: [usize; 3] = [0x40_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffc0_8020_0000];
#[cfg(target_pointer_width = "32")]
const PLACES: [usize; 3] = [0x8000_0000, 0xbe00_0000, 0x8040_0000];
const USER_END: usize = PLACES[0];
const KERNEL: usize = PLACES[1];
const PHYSMAP: usize = PLACES[2];

const LENGTHS: [usize; 12] = [
    0,
    1,
    95,
    PAGE - 1,
    PAGE,
    PAGE + 1,
    1 << 20,
    1 << 31,
    usize::MAX / 2,
    usize::MAX / 2 + 1,
    usize::MAX - PAGE,
    usize::MAX,
];

fn run(arguments: Arguments) -> u8 {
    let Some(calls) = arguments.number(1) else {
        println!("usage: hostile CALLS [SEED]");
        return 2;
    };
    // What the kernel writes goes into one page, what it reads comes out of the other: zeros,
    // so that nothing is printed.
    let (Ok(read), Ok(written)) = (call::map(PAGE), call::map(PAGE)) else {
        println!("hostile: no page to begin with");
        return 1;
    };
    let mut chance = Chance(arguments.number(2).unwrap_or(1) as u64 | 1);
    let from = addresses(read.as_ptr() as usize);
    let to = addresses(written.as_ptr() as usize);
    let mut refused = 0;
    for _ in 0..calls {
        let (number, arguments) = nonsense(&mut chance, &from, &to);
        refused += usize::from(Error::result(raw_call(number, arguments)).is_err());
    }
    println!("hostile: {calls} calls, {refused} of them refused");
    0
}

/// The borders of what a program may have, and places it may not have at all.
fn addresses(page: usize) -> [usize; 16] {
    [
        0,
        1,
        PAGE - 1,
        0xffff,
        page,
        page + PAGE - 1,
        page + PAGE,
        page - 1,
        USER_END - PAGE,
        USER_END - 1,
        USER_END,
        KERNEL,
        PHYSMAP,
        usize::MAX / 2,
        usize::MAX - PAGE + 1,
        usize::MAX,
    ]
}

fn nonsense(chance: &mut Chance, from: &[usize; 16], to: &[usize; 16]) -> (usize, [usize; 5]) {
    let (address, target) = (chance.pick(from), chance.pick(to));
    let length = chance.pick(&LENGTHS);
    let any = chance.next() as usize;
    match chance.next() % 10 {
        0 => (Call::Write.number(), [address, length, 0, 0, 0]),
        1 => (Call::Spawn.number(), [address, length, 0, 0, 0]),
        2 => (Call::Wait.number(), [any, 1, 0, 0, 0]),
        // Numbers that no task has: beyond the last, and beyond what a number can be.
        3 => (Call::Kill.number(), [any | 0x8000, 0, 0, 0, 0]),
        4 => (
            Call::Sbrk.number(),
            [
                chance.pick(&[length, any, length.wrapping_neg()]),
                0,
                0,
                0,
                0,
            ],
        ),
        5 => (
            Call::Mmap.number(),
            [chance.pick(&[length, any]), 0, 0, 0, 0],
        ),
        6 => (
            Call::Munmap.number(),
            [
                chance.pick(&[address, any]),
                chance.pick(&[length, any]),
                0,
                0,
                0,
            ],
        ),
        7 => (
            Call::Inspect.number(),
            [
                any % 7,
                chance.pick(&[0, 1, any, usize::MAX]),
                target,
                length,
                any % 3,
            ],
        ),
        8 => (
            Call::Sleep.number() + 100 * (any % 2),
            [any % 2, 0, 0, 0, 0],
        ),
        _ => (
            chance.pick(&[Call::ALL.len(), any | 0x100, usize::MAX]),
            [any, address, length, 0, 0],
        ),
    }
}

/// Numbers that look like chance and are the same on every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick(&mut self, from: &[usize]) -> usize {
        from[(self.next() % from.len() as u64) as usize]
    }
}
