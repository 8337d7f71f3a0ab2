//! A day at the prompt, on every kind of hart the Image promises to run on.
//!
//! One machine a hart, many checks a machine: what a user would do in a session, in
//! an order that leaves each step able to see what the one before it left behind.

use crate::board::{Board, Qemu, faults, free_pages, number_after, tasks};
use crate::faulters;

#[test]
fn on_a_hart_with_everything() {
    a_day(&mut Qemu::with_image().boot());
}

/// The Ox64's core as QEMU has it: privileged 1.11, no Sstc, T-Head's CSRs.
#[test]
fn on_the_c906() {
    a_day(&mut Qemu::with_image().cpu("thead-c906").boot());
}

/// A and D bits set by the kernel only, and timers by the firmware alone.
#[test]
fn on_a_hart_that_leaves_a_and_d_to_us() {
    let mut board = Qemu::with_image()
        .cpu("rv64,sstc=off,svade=on,svadu=off")
        .boot();
    a_day(&mut board);
}

/// Leaves say the type of their memory: devices are I/O.
#[test]
fn on_a_hart_with_memory_types() {
    let mut board = Qemu::with_image().cpu("rv64,svpbmt=on").boot();
    let said = board.run("boot");
    assert!(said.contains("memory types Svpbmt"), "{said}");
    a_day(&mut board);
}

/// The same kernel for Sv32.
#[test]
fn on_a_hart_of_32_bits() {
    a_day(&mut Qemu::with_image_of_32_bits().boot());
}

#[test]
fn on_a_hart_of_32_bits_that_leaves_a_and_d_to_us() {
    let mut board = Qemu::with_image_of_32_bits()
        .cpu("rv32,sstc=off,svade=on,svadu=off")
        .boot();
    a_day(&mut board);
}

/// RAM that a kernel of 32 bits can not see is said, and not used.
#[test]
fn ram_beyond_the_window_of_32_bits_is_said_and_not_used() {
    let mut board = Qemu::with_image_of_32_bits().memory("2G").boot();
    let said = board.text();
    assert!(said.contains("992 MiB RAM"), "{said}");
    assert!(
        said.contains("1056 MiB of RAM lie beyond the kernel's window and are not used"),
        "{said}"
    );
    assert_eq!(board.run("hello"), "hello, world\n");
}

fn a_day(board: &mut Board) {
    programs_run_and_say_so(board);
    let before = settled_pages(board);
    a_heap_stays_to_be_looked_at_until_its_program_is_killed(board);
    heaps_grow_in_the_background(board);
    stacks_grow_downwards_by_the_page(board);
    variables_are_as_linked_in_every_run(board);
    a_killed_task_gives_its_memory_back(board);
    faulters::each_kind_kills_only_itself(board);
    senseless_calls_harm_nobody(board);
    assert_eq!(
        free_pages(&board.run("free")),
        before,
        "something kept memory:\n{}",
        board.run("ps")
    );
    let said = board.run("audit");
    assert!(said.contains("every frame has one owner"), "{said}");
    assert!(
        !board.transcript().contains(&0),
        "a plain terminal sees no frame"
    );
    board.type_line("poweroff");
    board.expect_end();
}

fn programs_run_and_say_so(board: &mut Board) {
    assert_eq!(board.run("hello"), "hello, world\n");
    assert_eq!(board.run("hello ox64"), "hello, ox64\n");
    assert!(board.run("no_such_program").contains("not found"));
    let running = tasks(&board.run("ps"));
    assert_eq!(running.len(), 1, "the shell alone: {running:?}");
    assert_eq!(running[0].line, "sh");
}

/// Free pages once the shell itself has touched what it will ever touch.
fn settled_pages(board: &mut Board) -> u64 {
    for command in ["help", "ps", "free", "faults", "boot", "hello &", "wait"] {
        board.run(command);
    }
    board.run("spin 20");
    board.run("free");
    free_pages(&board.run("free"))
}

fn heaps_grow_in_the_background(board: &mut Board) {
    let mut said = board.run("alloc_test 128 100 &");
    said += &board.run("alloc_test 128 100 &");
    said += &board.run("wait");
    assert_eq!(
        said.matches("alloc_test: 100 blocks of 128 bytes, all as written")
            .count(),
        2,
        "{said}"
    );
    assert_eq!(said.matches("ended with status 0").count(), 2, "{said}");
}

/// As the article about NuttX on the Ox64 looks at its heap: while the program is still there.
fn a_heap_stays_to_be_looked_at_until_its_program_is_killed(board: &mut Board) {
    let before = free_pages(&board.run("free"));
    let started = board.run("alloc_test 128 1000 hold &");
    let task = number_after(&started, "[");
    // Its last words may come before the prompt, or after it.
    if !board.text().contains("1000 blocks of 128 bytes") {
        board.expect("1000 blocks of 128 bytes, all as written");
    }
    assert!(board.run("ps").contains("alloc_test 128 1000 hold"));
    let held = before - free_pages(&board.run("free"));
    assert!(held >= 128_000 / 4096, "{held} pages");
    board.run(&format!("kill {task}"));
    board.run("wait");
    assert!(!board.run("ps").contains("alloc_test"));
}

fn stacks_grow_downwards_by_the_page(board: &mut Board) {
    board.run("faults text on");
    let shallow = board.run("stack_test 10");
    let deep = board.run("stack_test 1000");
    board.run("faults text off");
    assert!(shallow.contains("stack_test: depth 10,"), "{shallow}");
    let touched = |said: &str| -> Vec<u64> {
        faults(said)
            .iter()
            .filter(|fault| fault.class == "stack")
            .map(|fault| fault.va / 4096)
            .collect()
    };
    assert_eq!(
        touched(&shallow),
        [0; 0],
        "ten levels fit in the page that holds the arguments:\n{shallow}"
    );

    // The program says from where to where it went: every page below the first, downwards.
    let (top, lowest) = reach(&deep);
    let must: Vec<u64> = (lowest / 4096..top / 4096).rev().collect();
    assert!(
        must.len() >= 16,
        "a thousand levels of at least 64 bytes: {deep}"
    );
    assert_eq!(touched(&deep), must, "{deep}");
    for fault in faults(&deep).iter().filter(|fault| fault.class == "stack") {
        assert_eq!(
            (&*fault.outcome, fault.scause),
            ("stack grown", 15),
            "{fault:?}"
        );
        assert_eq!(fault.wanted, "user write", "{fault:?}");
        assert!(
            fault.frame.is_some() && fault.cost.is_some_and(|cost| cost > 0),
            "{fault:?}"
        );
    }
}

/// Twice, because what the first run wrote must not be there in the second.
fn variables_are_as_linked_in_every_run(board: &mut Board) {
    for _ in 0..2 {
        board.run("faults text on");
        let said = board.run("data_test");
        board.run("faults text off");
        assert!(said.contains("0 not as linked, 0 not as written"), "{said}");
        let how = |outcome: &str| {
            let brought_in = faults(&said);
            let data = brought_in.iter().filter(|fault| fault.class == "data");
            data.filter(|fault| fault.outcome == outcome).count()
        };
        // 10 KiB with values, whose last page goes on with zeros, and constants in one page.
        assert_eq!(how("image copied"), 3 + 1, "{said}");
        // Of 20 KiB without values, what that page does not hold.
        assert_eq!(how("zeroed"), 5, "{said}");
    }
}

/// What `stack_test` says: `…, 0x3ffffffe10 down to 0x3fffff0010`.
fn reach(said: &str) -> (u64, u64) {
    let line = said
        .lines()
        .find(|line| line.contains(" down to "))
        .unwrap_or_else(|| panic!("{said}"));
    let mut numbers = line
        .split_whitespace()
        .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let both = (numbers.next(), numbers.next());
    let (Some(top), Some(lowest)) = both else {
        panic!("no two addresses in {line:?}")
    };
    (top, lowest)
}

fn a_killed_task_gives_its_memory_back(board: &mut Board) {
    let before = free_pages(&board.run("free"));
    let started = board.run("spin &");
    let pid: u32 = started
        .trim_start_matches('[')
        .split(']')
        .next()
        .and_then(|n| n.parse().ok())
        .expect(&started);
    let running = tasks(&board.run("ps"));
    assert!(
        running
            .iter()
            .any(|task| task.pid == pid && task.line.starts_with("spin")),
        "{running:?}"
    );
    assert!(
        free_pages(&board.run("free")) < before,
        "a running program holds pages"
    );
    let said = board.run(&format!("kill {pid}"));
    assert_eq!(tasks(&board.run("ps")).len(), 1, "{said}");
    assert_eq!(free_pages(&board.run("free")), before);
    assert!(board.run(&format!("kill {pid}")).contains("no such task"));
}

fn senseless_calls_harm_nobody(board: &mut Board) {
    let before = free_pages(&board.run("free"));
    for seed in [3, 1_000_003] {
        let said = board.run(&format!("hostile 10000 {seed}"));
        let refused = number_after(&said, "10000 calls, ");
        assert!(
            (5_000..10_000).contains(&refused),
            "most are refused, and some make sense:\n{said}"
        );
        assert_eq!(said.lines().count(), 1, "nothing else was said:\n{said}");
    }
    assert_eq!(tasks(&board.run("ps")).len(), 1);
    assert_eq!(free_pages(&board.run("free")), before);
}

/// The pages of a thousand programs come back, each and every one.
#[test]
fn a_thousand_programs_leave_nothing_behind() {
    let mut board = Qemu::with_image().boot();
    board.run("spawn_test 3 spin 0");
    board.run("free");
    let before = free_pages(&board.run("free"));
    let said = board.run("spawn_test 1000 spin 0");
    assert!(said.contains("1000 of 1000 ended with status 0"), "{said}");
    assert_eq!(free_pages(&board.run("free")), before);
    assert_eq!(tasks(&board.run("ps")).len(), 1);
    assert_eq!(board.run("hello"), "hello, world\n");
}
