//! `spawn_test COUNT PROGRAM [WORD...]`: starts a program that many times, one after the other.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, call, println};

user::main!(run);

fn run(arguments: Arguments) -> u8 {
    let (Some(count), Some(line)) = (arguments.number(1), arguments.from_word(2)) else {
        println!("usage: spawn_test COUNT PROGRAM [WORD...]");
        return 2;
    };
    let mut well = 0;
    for turn in 0..count {
        match call::spawn(line).and_then(call::wait) {
            Ok(0) => well += 1,
            Ok(status) => println!("spawn_test: turn {turn}: status {status}"),
            Err(error) => {
                println!("spawn_test: turn {turn}: {error}");
                break;
            }
        }
    }
    println!("spawn_test: {well} of {count} ended with status 0");
    u8::from(well < count)
}
