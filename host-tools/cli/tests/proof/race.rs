//! Threads of one process on four harts at once: what one of them takes away, no other has any more.

use crate::board::{Board, Qemu, free_pages, tasks};

/// Rounds of one command, and of all.
const AT_ONCE: usize = 250;
const ROUNDS: usize = 1000;
/// Rounds of what takes longest.
const FEW: usize = 250;

/// Runs a part of `race_test` so often on four harts; nothing of memory is lost.
#[track_caller]
fn race(machine: Qemu, parts: &[&str], rounds: usize) {
    let mut board = machine.harts(4).boot();
    board.run("hello");
    let before = free_pages(&board.run("free"));
    for part in parts {
        for _ in 0..rounds / AT_ONCE {
            let said = board.run(&format!("race_test {part} {AT_ONCE}"));
            assert!(said.contains(", 0 do not"), "{part}: {said}");
            assert!(!said.contains("wrong:"), "{part}: {said}");
        }
    }
    must_be_whole(&mut board, before);
    let said = board.text();
    assert!(!said.contains("masked"), "no source is stuck: {said}");
}

#[track_caller]
fn must_be_whole(board: &mut Board, free: u64) {
    let audit = board.run("audit");
    assert!(audit.contains("every frame has one owner"), "{audit}");
    assert_eq!(free_pages(&board.run("free")), free);
}

fn of_64_bits() -> Qemu {
    Qemu::with_image()
}

fn of_32_bits() -> Qemu {
    Qemu::with_image_of_32_bits()
}

#[test]
fn a_page_that_one_hart_unmaps_is_gone_on_all() {
    race(of_64_bits(), &["unmap"], ROUNDS);
}

#[test]
fn a_page_that_one_hart_unmaps_is_gone_on_all_of_32_bits() {
    race(of_32_bits(), &["unmap"], ROUNDS);
}

#[test]
fn rights_that_one_hart_takes_away_are_gone_on_all() {
    race(of_64_bits(), &["protect", "written"], ROUNDS);
}

#[test]
fn rights_that_one_hart_takes_away_are_gone_on_all_of_32_bits() {
    race(of_32_bits(), &["protect", "written"], ROUNDS);
}

#[test]
fn a_process_that_one_thread_ends_leaves_nothing_though_others_fault() {
    race(of_64_bits(), &["exit"], ROUNDS);
}

#[test]
fn a_process_that_one_thread_ends_leaves_nothing_though_others_fault_of_32_bits() {
    race(of_32_bits(), &["exit"], ROUNDS);
}

#[test]
fn a_large_leaf_is_split_and_joined_while_another_hart_reads_in_it() {
    race(of_64_bits(), &["split"], ROUNDS);
}

#[test]
fn a_large_leaf_is_split_and_joined_while_another_hart_reads_in_it_of_32_bits() {
    race(of_32_bits(), &["split"], ROUNDS);
}

#[test]
fn a_copy_of_a_process_does_not_see_what_its_other_threads_write() {
    for machine in Qemu::of_each_width() {
        race(machine, &["fork"], FEW);
    }
}

#[test]
fn threads_on_four_harts_map_protect_and_unmap_beside_each_other() {
    for machine in Qemu::of_each_width() {
        race(machine, &["storm"], FEW);
    }
}

#[test]
fn locks_and_conditions_hold_among_threads_on_four_harts() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.harts(4).boot();
        // Which of several priorities comes first is seen on one hart: here all of them run.
        for part in ["join", "mutex", "condvar", "semaphore", "timeout", "many"] {
            for _ in 0..5 {
                let said = board.run(&format!("thread_test {part}"));
                assert!(said.contains(&format!("{part} is well")), "{said}");
            }
        }
        for word in ["guard", "below", "fault"] {
            let said = board.run(&format!("thread_test {word}"));
            assert!(said.contains("killed:"), "{said}");
        }
    }
}

/// Looks until so many threads of `race_test` are there; the number of the first.
#[track_caller]
fn until(board: &mut Board, count: usize) -> Option<u32> {
    for _ in 0..1000 {
        let listed = tasks(&board.run("ps"));
        let threads = listed.iter().filter(|it| it.line.contains("race_test"));
        let threads: Vec<u32> = threads.map(|it| it.pid).collect();
        if threads.len() == count {
            return threads.first().copied();
        }
    }
    panic!("never {count}");
}

#[test]
fn a_process_that_runs_on_four_harts_is_killed_as_one() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.harts(4).boot();
        board.run("hello");
        let before = free_pages(&board.run("free"));
        for _ in 0..5 {
            board.run("race_test forever &");
            let pid = until(&mut board, 4).expect("four");
            board.run(&format!("kill {pid}"));
            until(&mut board, 0);
        }
        must_be_whole(&mut board, before);
    }
}
