//! `spin [MS|forever [BYTES]]`: keeps the hart busy, without end or for that many milliseconds,
//! with that much memory that it never touches.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call, println};

user::main!(run);

fn run(arguments: Arguments) -> u8 {
    if let Some(bytes) = arguments.number(2) {
        match call::map(bytes) {
            Ok(memory) => println!("spin: {bytes} bytes at {:p}", memory.as_ptr()),
            Err(error) => {
                println!("spin: {bytes} bytes: {error}");
                return 1;
            }
        }
    }
    let Some(ms) = arguments.number(1) else {
        loop {
            core::hint::spin_loop();
        }
    };
    // Programs have no clock but sleep: a tenth of the time asleep, the rest is spinning.
    for _ in 0..ms.div_ceil(10) {
        for _ in 0..10_000 {
            core::hint::spin_loop();
        }
        call::sleep(10);
    }
    0
}
