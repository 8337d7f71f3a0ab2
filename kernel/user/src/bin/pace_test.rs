//! `pace_test RATE [SECONDS]`: that many page faults a second, for so long or until it is ended:
//! something for a dashboard to look at, and for a line to carry.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call, println};

user::main!(run);

const PAGE: usize = 4096;
/// Milliseconds between two batches of faults.
const BEAT: usize = 10;
const BEATS: usize = 1000 / BEAT;

fn run(arguments: Arguments) -> u8 {
    let Some(rate) = arguments.number(1).filter(|&rate| rate > 0) else {
        println!("usage: pace_test RATE [SECONDS]");
        return 2;
    };
    let beats = arguments.number(2).map(|seconds| seconds * BEATS);
    let (mut beat, mut faults) = (0, 0);
    while beats.is_none_or(|beats| beat < beats) {
        beat += 1;
        // What a batch falls short of the rate, a later one has more.
        let pages = beat * rate / BEATS - faults;
        if pages > 0 && touch(pages).is_err() {
            println!("pace_test: no room for {pages} pages");
            return 1;
        }
        faults += pages;
        call::sleep(BEAT);
    }
    println!("pace_test: {faults} faults");
    0
}

fn touch(pages: usize) -> Result<(), abi::Error> {
    let memory = call::map(pages * PAGE)?;
    for page in memory.chunks_exact_mut(PAGE) {
        page[0] = 1;
    }
    call::unmap(memory)
}
