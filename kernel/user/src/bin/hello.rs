//! `hello`: says so, and who it is.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, println};

user::main!(run);

fn run(arguments: Arguments) -> u8 {
    match arguments.word(1) {
        Some(name) => println!("hello, {name}"),
        None => println!("hello, world"),
    }
    0
}
