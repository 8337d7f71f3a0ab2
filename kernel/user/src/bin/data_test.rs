//! `data_test`: variables with a value and without one are as they were linked, and can be
//! written.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use user::{Arguments, println};

user::main!(run);

/// Two and a half pages in the file, so that zeros begin in the middle of a page.
const VALUES: usize = 2560;
/// Five pages, of which the file holds nothing.
const ZEROS: usize = 5120;

static WITH_VALUES: [AtomicU32; VALUES] = {
    let mut words = [const { AtomicU32::new(0) }; VALUES];
    let mut at = 0;
    while at < VALUES {
        words[at] = AtomicU32::new(value(at));
        at += 1;
    }
    words
};
static ZERO: [AtomicU32; ZEROS] = [const { AtomicU32::new(0) }; ZEROS];

const fn value(at: usize) -> u32 {
    (at as u32).wrapping_mul(2_654_435_761) | 1
}

fn run(_arguments: Arguments) -> u8 {
    let wrong = count(&WITH_VALUES, value) + count(&ZERO, |_| 0);
    for word in WITH_VALUES.iter().chain(&ZERO) {
        word.fetch_xor(u32::MAX, Relaxed);
    }
    let lost = count(&WITH_VALUES, |at| !value(at)) + count(&ZERO, |_| u32::MAX);
    println!(
        "data_test: {} words with a value, {} zeros: {wrong} not as linked, {lost} not as written",
        VALUES, ZEROS
    );
    u8::from(wrong + lost > 0)
}

/// How many words are not what they must be.
fn count(words: &[AtomicU32], must: impl Fn(usize) -> u32) -> usize {
    let differs = |(at, word): (usize, &AtomicU32)| word.load(Relaxed) != must(at);
    words
        .iter()
        .enumerate()
        .map(differs)
        .filter(|&differs| differs)
        .count()
}
