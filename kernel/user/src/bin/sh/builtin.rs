//! What the shell does itself: it shows what the kernel knows.

use abi::{Set, Topic};
use user::arguments::number;
use user::{call, print, println};

const HELP: &str = "\
ps                    tasks
free                  the page pool
faults                the fault log
faults text on|off    print each fault as it happens
pt TASK               page table and regions of a task
boot                  what was found at boot
kill TASK             end a task
wait                  until no task runs in the background
poweroff              switch the machine off
PROGRAM [WORD...] [&] run a program: hello alloc_test stack_test touch_test pace_test data_test faulter spin
                      spawn_test hostile";

/// Carries the line out if it is the shell's own; whether it was.
pub fn run(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or("");
    match (word(), word(), word()) {
        ("help", "", _) => println!("{HELP}"),
        ("ps", "", _) => show(Topic::Ps, 0),
        ("free", "", _) => show(Topic::Free, 0),
        ("boot", "", _) => show(Topic::Boot, 0),
        ("faults", "", _) => show(Topic::Faults, 0),
        ("faults", "text", "on") => set(Set::FaultText, 1),
        ("faults", "text", "off") => set(Set::FaultText, 0),
        ("pt", task, _) => with_task("pt", task, |task| show(Topic::Pt, task)),
        ("kill", task, _) => with_task("kill", task, kill),
        ("wait", "", _) => wait_for_all(),
        ("poweroff", "", _) => power_off(),
        ("faults", ..) => println!("usage: faults [text on|off]"),
        (name @ ("help" | "ps" | "free" | "boot" | "wait" | "poweroff"), ..) => {
            println!("usage: {name}")
        }
        _ => return false,
    }
    true
}

fn with_task(name: &str, word: &str, act: impl Fn(usize)) {
    match number(word) {
        Some(task) => act(task),
        None => println!("usage: {name} TASK; `ps` lists them"),
    }
}

fn show(topic: Topic, argument: usize) {
    let mut index = 0;
    loop {
        let mut text = [0; 512];
        match call::inspect(topic, index, argument, &mut text) {
            Ok((bytes, next)) => {
                print!("{}", core::str::from_utf8(&text[..bytes]).unwrap_or("?"));
                if next == 0 {
                    return;
                }
                index = next;
            }
            Err(error) => return println!("{error}"),
        }
    }
}

fn set(what: Set, value: usize) {
    if let Err(error) = call::set(what, value) {
        println!("{error}");
    }
}

fn kill(task: usize) {
    if let Err(error) = call::kill(task) {
        println!("kill: {task}: {error}");
    }
}

/// Ctrl-C ends the waiting, not the tasks.
fn wait_for_all() {
    loop {
        match call::wait_any() {
            Ok((task, status)) => println!("[{task}] ended with status {status}"),
            Err(abi::Error::Busy) => return println!("^C"),
            Err(_) => return,
        }
    }
}

fn power_off() {
    if let Err(error) = call::power_off() {
        println!("poweroff: {error}: this firmware has no way to do it");
    }
}
