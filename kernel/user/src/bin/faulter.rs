//! `faulter KIND`: does one thing that no program may do.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;

use user::{Arguments, illegal, println, read_at, reserve_misaligned, run_at, write_at};

user::main!(run);

type Deed = (&'static str, fn());

const DEEDS: [Deed; 8] = [
    ("null", || write_at(8, 1)),
    ("wild", || read(0x1234_5000)),
    ("text-write", || {
        write_at(run as fn(Arguments) -> u8 as usize & !3, 0)
    }),
    ("data-exec", data_exec),
    ("kernel-read", || read(0xffff_ffff_8000_0000_u64 as usize)),
    ("stack-overflow", || overflow_all()),
    ("misaligned", reserve_misaligned),
    ("illegal", illegal),
];

fn run(arguments: Arguments) -> u8 {
    let deed = DEEDS
        .iter()
        .find(|(name, _)| Some(*name) == arguments.word(1));
    let Some((name, deed)) = deed else {
        println!("usage: faulter KIND, one of:");
        for (name, _) in DEEDS {
            println!("  {name}");
        }
        return 2;
    };
    deed();
    println!("faulter: {name}: still alive");
    1
}

fn read(at: usize) {
    black_box(read_at(at));
}

fn overflow_all() {
    black_box(overflow(1));
}

fn data_exec() {
    // `ret`, twice: if this page could run, the program would go on.
    let code = black_box([0x8082_8082_u32; 2]);
    run_at(code.as_ptr() as usize);
}

#[inline(never)]
#[expect(
    unconditional_recursion,
    reason = "running out of stack is what it is for"
)]
fn overflow(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    overflow(depth + 1) + room[0]
}
