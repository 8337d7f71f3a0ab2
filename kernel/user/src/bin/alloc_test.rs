//! `alloc_test SIZE COUNT`: that many blocks from the heap, each filled and checked.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call, println};

user::main!(run);

/// How far the heap grows at a time: more than is touched at once, as allocators do.
const STEP: usize = 64 << 10;

fn run(arguments: Arguments) -> u8 {
    let (Some(size), Some(count)) = (arguments.number(1), arguments.number(2)) else {
        println!("usage: alloc_test SIZE COUNT");
        return 2;
    };
    match alloc_test(size, count) {
        Ok(()) => {
            println!("alloc_test: {count} blocks of {size} bytes, all as written");
            0
        }
        Err(error) => {
            println!("alloc_test: {error}");
            1
        }
    }
}

fn alloc_test(size: usize, count: usize) -> Result<(), abi::Error> {
    let mut free: &'static mut [u8] = &mut [];
    let mut first: usize = 0;
    for block in 0..count {
        if free.len() < size {
            // What is left over is contiguous with what comes: the heap only grows.
            let more = call::grow(size.max(STEP))?;
            free = more;
        }
        let (memory, rest) = free.split_at_mut(size);
        free = rest;
        if memory.iter().any(|&byte| byte != 0) {
            println!("alloc_test: block {block} was not zero");
            return Err(abi::Error::Unknown);
        }
        memory.fill(pattern(block));
        if memory.iter().any(|&byte| byte != pattern(block)) {
            println!("alloc_test: block {block} reads back wrong");
            return Err(abi::Error::Unknown);
        }
        first = first.wrapping_add(memory.len());
    }
    println!("alloc_test: {first} bytes allocated");
    Ok(())
}

fn pattern(block: usize) -> u8 {
    (block as u8).wrapping_mul(31).wrapping_add(1)
}
