//! `alloc_test SIZE COUNT [MS|hold]`: that many blocks from the heap, each filled, held for that
//! many milliseconds, and checked. With `hold` it keeps them until it is killed, for `ps` and `free`
//! to look at.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call, println};

user::main!(run);

/// Step by which the heap grows: much more than is touched, as NuttX's heaps are. Untouched pages cost
/// nothing.
const STEP: usize = 8 << 20;

/// One of the sleeps that make up a hold.
const HOLD_MS: usize = 60_000;

fn run(arguments: Arguments) -> u8 {
    let (Some(size), Some(count)) = (arguments.number(1), arguments.number(2)) else {
        println!("usage: alloc_test SIZE COUNT [MS|hold]");
        return 2;
    };
    if size == 0 || count == 0 {
        println!("alloc_test: nothing to allocate");
        return 2;
    }
    match alloc_test(size, count, arguments.number(3).unwrap_or(0)) {
        Ok(()) => {
            println!("alloc_test: {count} blocks of {size} bytes, all as written");
            if arguments.word(3) == Some("hold") {
                hold();
            }
            0
        }
        Err(error) => {
            println!("alloc_test: {error}");
            1
        }
    }
}

/// Runs until the task is killed.
fn hold() -> ! {
    loop {
        call::sleep(HOLD_MS);
    }
}

fn alloc_test(size: usize, count: usize, hold_ms: usize) -> Result<(), abi::Error> {
    let bytes = size.checked_mul(count).ok_or(abi::Error::OutOfMemory)?;
    let steps = bytes.checked_next_multiple_of(STEP);
    let heap = call::grow(steps.ok_or(abi::Error::OutOfMemory)?)?;
    println!(
        "alloc_test: a heap of {} bytes, {bytes} of them used",
        heap.len()
    );
    let blocks = &mut heap[..bytes];
    if blocks.iter().any(|&byte| byte != 0) {
        println!("alloc_test: the heap was not zero");
        return Err(abi::Error::Unknown);
    }
    for (block, memory) in blocks.chunks_exact_mut(size).enumerate() {
        memory.fill(pattern(block));
    }
    call::sleep(hold_ms);
    for (block, memory) in blocks.chunks_exact(size).enumerate() {
        if memory.iter().any(|&byte| byte != pattern(block)) {
            println!("alloc_test: block {block} reads back wrong");
            return Err(abi::Error::Unknown);
        }
    }
    Ok(())
}

fn pattern(block: usize) -> u8 {
    (block as u8).wrapping_mul(31).wrapping_add(1)
}
