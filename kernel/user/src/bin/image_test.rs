//! `image_test`: pages of the program's own file, as they come: constants where they lie in the
//! image, variables as copies.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::AtomicU32;

use abi::Advice;
use user::{Arguments, Counter, NOT_COUNTED, call, println, read_at};

user::main!(run);

const PAGE: usize = 4096;
/// Pages with values that are read only, and that can be written.
const CONSTANTS: usize = 40;
const VARIABLES: usize = 16;
/// Number of constants that are read one page at a time.
const ALONE: usize = 8;

#[repr(align(4096))]
struct Pages<T, const N: usize>([[T; PAGE / 4]; N]);

static CONSTANT: Pages<u32, CONSTANTS> = Pages([[7; PAGE / 4]; CONSTANTS]);
/// Atomic, so that it is in writable memory.
static VARIABLE: Pages<AtomicU32, VARIABLES> =
    Pages([const { [const { AtomicU32::new(7) }; PAGE / 4] }; VARIABLES]);

fn run(arguments: Arguments) -> u8 {
    // It detects a fault by the cost of a load.
    let Some(counter) = arguments.counter() else {
        println!("image_test: {NOT_COUNTED}");
        return 1;
    };
    let constant = &raw const CONSTANT.0 as usize;
    let variable = &raw const VARIABLE.0 as usize;
    let alone = constant + (CONSTANTS - ALONE) * PAGE;
    let advised = call::advise(alone, ALONE * PAGE, Advice::Random).is_ok();
    let same = touch(counter, "in place", constant, CONSTANTS - ALONE)
        & touch(counter, "in place, each alone", alone, ALONE)
        & touch(counter, "copied", variable, VARIABLES);
    u8::from(!(same && advised))
}

/// Reads a word of each page; whether they are as linked. The first page brings tables too and
/// is not counted.
fn touch(counter: Counter, how: &str, at: usize, pages: usize) -> bool {
    let (mut same, mut least, mut most, mut faults) = (true, usize::MAX, 0, 0);
    for page in 0..pages {
        let address = black_box(at + page * PAGE);
        let before = counter.read();
        let value = read_at(address);
        let cost = counter.since(before);
        same &= value == 7;
        if cost > 20 {
            faults += 1;
            if page > 0 {
                least = least.min(cost);
                most = most.max(cost);
            }
        }
    }
    println!(
        "image_test: {pages} pages {how}: {faults} faults, min {least} max {most} instructions, as linked: {same}"
    );
    same
}
