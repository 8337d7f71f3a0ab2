//! Built-in commands of the shell, which show the kernel's topics.

use abi::{Set, Topic};
use user::arguments::number;
use user::{call, print, println};

const HELP: &str = "\
ps                    tasks
harts                 the harts: what each runs, its idle time, its waits for the kernel's lock
free                  the page pool
pmm [dump]            physical memory: arenas, or a letter for each frame
vmm                   virtual memory: the regions of all tasks
pt TASK [pages]       page table and regions of a task; each page as Xous shows it
ws                    pages of each task that are there, touched, written to
audit                 does every frame have one owner?
faults                the fault log
faults old            that of the boot before, if memory kept it
faults text on|off    print each fault as it happens
boot                  what was found at boot
store                 the backing store: slots, bytes, pages out and in
evict                 which pages go when frames are short, and how many went
pressure              how much of the time programs waited for memory, as Linux has it
hist                  what faults and paging took, in instructions
TOPIC json            any of these for programs, one object a line
kill TASK             end a task
wait                  until no task runs in the background
poweroff              switch the machine off
PROGRAM [WORD...] [&] run a program: hello alloc_test stack_test touch_test pace_test data_test faulter spin
                      spawn_test hostile map_test share_test device_test image_test layout_low layout_nuttx
                      layout_xous layout_ox64 cost_test lag_test fork_test paging_test
                      handler_test thread_test message_test lend_test race_test";

/// Topics that are commands of their own.
const TOPICS: [(&str, Topic); 13] = [
    ("ps", Topic::Ps),
    ("harts", Topic::Harts),
    ("free", Topic::Free),
    ("pmm", Topic::Pmm),
    ("vmm", Topic::Vmm),
    ("ws", Topic::Ws),
    ("audit", Topic::Audit),
    ("faults", Topic::Faults),
    ("boot", Topic::Boot),
    ("store", Topic::Store),
    ("evict", Topic::Evict),
    ("pressure", Topic::Pressure),
    ("hist", Topic::Hist),
];

/// Carries the line out if it is the shell's own; whether it was.
pub fn run(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or("");
    match (word(), word(), word()) {
        ("help", "", _) => println!("{HELP}"),
        ("pmm", "dump", _) => show((Topic::Dump, false), 0),
        ("faults", "old", how @ ("" | "json")) => show((Topic::OldFaults, how == "json"), 0),
        ("faults", "text", "on") => set(Set::FaultText, 1),
        ("faults", "text", "off") => set(Set::FaultText, 0),
        ("pt", task, how @ ("" | "json" | "pages")) => with_task("pt", task, |task| {
            let topic = if how == "pages" {
                Topic::Pages
            } else {
                Topic::Pt
            };
            show((topic, how == "json"), task)
        }),
        ("pt", ..) => println!("usage: pt TASK [pages|json]; `ps` lists tasks"),
        ("kill", task, _) => with_task("kill", task, kill),
        ("wait", "", _) => wait_for_all(),
        ("poweroff", "", _) => power_off(),
        (name, how, _)
            if let Some((_, topic)) = TOPICS.iter().find(|(known, _)| *known == name) =>
        {
            match how {
                "" | "json" => show((*topic, how == "json"), 0),
                _ if name == "faults" => {
                    println!("usage: faults [json|old [json]|text on|text off]")
                }
                _ if name == "pmm" => println!("usage: pmm [dump|json]"),
                _ => println!("usage: {name} [json]"),
            }
        }
        (name @ ("help" | "wait" | "poweroff"), ..) => println!("usage: {name}"),
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

fn show(topic: (Topic, bool), argument: usize) {
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
