//! `image_test`: pages of the program's own file, as they come: constants where they lie in the
//! image, variables as copies.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::AtomicU32;

use user::{Arguments, instructions, println, read_at};

user::main!(run);

const PAGE: usize = 4096;
const PAGES: usize = 16;

#[repr(align(4096))]
struct Pages<T>([[T; PAGE / 4]; PAGES]);

static CONSTANT: Pages<u32> = Pages([[7; PAGE / 4]; PAGES]);
/// Atomic, so that it lies in memory that can be written.
static VARIABLE: Pages<AtomicU32> =
    Pages([const { [const { AtomicU32::new(7) }; PAGE / 4] }; PAGES]);

fn run(_: Arguments) -> u8 {
    let constant = &raw const CONSTANT.0 as usize;
    let variable = &raw const VARIABLE.0 as usize;
    let same = touch("in place", constant) & touch("copied", variable);
    u8::from(!same)
}

/// Reads a word of each page; whether they are as linked. The first page brings tables too and
/// is not counted.
fn touch(how: &str, at: usize) -> bool {
    let (mut same, mut least, mut faults) = (true, usize::MAX, 0);
    for page in 0..PAGES {
        let address = black_box(at + page * PAGE);
        let before = instructions();
        let value = read_at(address);
        let cost = instructions().wrapping_sub(before);
        same &= value == 7;
        if cost > 20 {
            faults += 1;
            if page > 0 {
                least = least.min(cost);
            }
        }
    }
    println!(
        "image_test: {PAGES} pages {how}: {faults} faults, min {least} instructions, as linked: {same}"
    );
    same
}
