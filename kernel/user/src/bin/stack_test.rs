//! `stack_test DEPTH`: recursion of known appetite, at least 64 bytes a level.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;

use user::{Arguments, println};

user::main!(run);
// 5,000 levels on RV64.
user::stack!("0x100000");

fn run(arguments: Arguments) -> u8 {
    let Some(depth) = arguments.number(1) else {
        println!("usage: stack_test DEPTH");
        return 2;
    };
    let top = 0u8;
    let top = &raw const top as usize;
    let lowest = descend(depth, 0);
    println!(
        "stack_test: depth {depth}, {} bytes of stack, from {top:#x} down to {lowest:#x}",
        top - lowest
    );
    0
}

/// The lowest address of stack that was written.
#[inline(never)]
fn descend(left: usize, seed: u64) -> usize {
    let mut room = [seed; 8];
    black_box(&mut room);
    let here = room.as_ptr() as usize;
    if left <= 1 {
        return here;
    }
    let below = descend(left - 1, seed + 1);
    // Used after the call, so that the compiler cannot free a level's stack early.
    assert!(
        room.iter().all(|&word| word == seed),
        "level {left} was overwritten"
    );
    black_box(&room);
    below
}
