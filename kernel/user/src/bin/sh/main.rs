//! `sh`: the prompt.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod builtin;
mod edit;
mod keyboard;

use edit::Editor;
use keyboard::Keyboard;
use user::{Arguments, call, print, println};

user::main!(run);

fn run(_arguments: Arguments) -> u8 {
    let (mut editor, mut keyboard) = (Editor::new(), Keyboard::new());
    loop {
        say_who_ended();
        print!("pw> ");
        carry_out(keyboard.line(&mut editor).trim());
    }
}

fn carry_out(line: &str) {
    let (line, in_background) = match line.strip_suffix('&') {
        Some(line) => (line.trim_end(), true),
        None => (line, false),
    };
    if line.is_empty() || builtin::run(line) {
        return;
    }
    let name = line.split_ascii_whitespace().next().unwrap_or("");
    match call::spawn(line) {
        Ok(task) if in_background => println!("[{task}] {line}"),
        Ok(task) => wait(task),
        Err(abi::Error::NotFound) => println!("{name}: not found; `help` lists what there is"),
        Err(error) => println!("{name}: {error}"),
    }
}

fn wait(task: usize) {
    match call::wait(task) {
        Ok(0) => {}
        Ok(status) => println!("[{task}] ended with status {status}"),
        Err(error) => println!("[{task}] {error}"),
    }
}

/// Background tasks that have ended since the last prompt.
fn say_who_ended() {
    while let Ok((task, status)) = call::reap() {
        println!("[{task}] ended with status {status}");
    }
}
