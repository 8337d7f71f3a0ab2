//! `spin [MS]`: keeps the hart busy, for ever or for that many milliseconds.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call};

user::main!(run);

fn run(arguments: Arguments) -> u8 {
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
