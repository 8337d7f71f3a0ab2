//! More memory promised than there is, and none left: who pays, and who goes on.

use crate::board::{Board, Qemu, fault_log, free_pages, tasks};
use crate::memory::all_hold;

/// Pages of a pool of 4 MiB.
const POOL: u64 = 4 << 20 >> 12;

/// What must hold for Sv39 must hold for Sv32.
fn on_small_boards(pool: &str, check: impl Fn(&mut Board)) {
    for machine in Qemu::of_each_width() {
        let mut board = machine.append(&format!("pool={pool}")).boot();
        check(&mut board);
        let said = board.run("audit");
        assert!(said.contains("every frame has one owner"), "{said}");
    }
}

/// NuttX's demonstration: heaps of 8 MiB each on a board whose page pool is 4.
#[test]
fn two_heaps_of_eight_mebibytes_run_to_the_end_in_a_pool_of_four() {
    on_small_boards("4M", two_heaps);
}

fn two_heaps(board: &mut Board) {
    // The shell has touched all that it will need: its own pages are no difference.
    board.run("hello &");
    board.run("wait");
    let before = free_pages(&board.run("free"));
    assert!(before < POOL, "{before} pages free in a pool of {POOL}");
    // Each asks for its heap, fills blocks in it, and holds them until the other has too.
    board.run("alloc_test 128 100 3000 &");
    board.run("alloc_test 128 100 3000 &");
    let running = tasks(&board.run("ps"));
    let heaps = running
        .iter()
        .filter(|task| task.line.starts_with("alloc_test"));
    assert_eq!(
        heaps.count(),
        2,
        "both hold their heaps at once: {running:?}"
    );
    board.run("wait");
    let said = board.text();
    assert_eq!(said.matches("a heap of 8388608 bytes").count(), 2, "{said}");
    assert_eq!(said.matches("all as written").count(), 2, "{said}");
    // Both, and the program that went before.
    assert_eq!(said.matches("ended with status 0").count(), 3, "{said}");
    assert_eq!(free_pages(&board.run("free")), before);
}

/// Each of two programs needs four times the memory that there is, and finds all of it as it was written.
#[test]
fn two_hogs_of_four_times_the_pool_finish_and_lose_nothing() {
    for how in [
        "store=ram:10M",
        "store=zip:2M evict=nru",
        "store=zip:2M evict=lru",
    ] {
        on_small_boards(&format!("1M {how}"), two_hogs);
    }
}

fn two_hogs(board: &mut Board) {
    // The shell has touched all that it will need: its own pages are no difference.
    board.run("hello &");
    board.run("wait");
    let before = free_pages(&board.run("free"));
    board.run("alloc_test 4096 1024 &");
    board.run("alloc_test 4096 1024 &");
    board.run("wait");
    let said = board.text();
    assert_eq!(said.matches("all as written").count(), 2, "{said}");
    assert_eq!(said.matches("ended with status 0").count(), 3, "{said}");
    // The log has 4,096 records by now, which take long to print: that both end shows that they page.
    // The shell's own pages may be in the store.
    assert!(free_pages(&board.run("free")) >= before);
}

/// n faults after paging out, none after paging in, none while pinned: with each store, and what a board without one answers.
#[test]
fn programs_page_out_page_in_and_pin_exactly() {
    for how in ["store=ram:10M", "store=zip:2M evict=nru"] {
        on_small_boards(&format!("1M {how}"), |board| {
            all_hold(board, "paging_test");
            all_hold(board, "paging_test");
        });
    }
    on_small_boards("2M", |board| all_hold(board, "paging_test bare"));
}

/// What the prompt says of paging adds up, and is the same in words and for programs.
#[test]
fn the_prompt_shows_the_store_evictions_and_what_they_cost() {
    on_small_boards("1M store=ram:10M evict=nru", |board| {
        board.run("paging_test calls");
        let one = |board: &mut Board, line: &str| -> serde_json::Value {
            let said = board.run(line);
            let object = said.lines().find(|text| text.starts_with('{'));
            serde_json::from_str(object.unwrap_or_else(|| panic!("{said}"))).unwrap()
        };
        let store = one(board, "store json");
        assert_eq!(store["store"], "ram");
        assert_eq!(store["slots"], 2560);
        assert_eq!(store["page_bytes"], store["bytes"]);
        let (out, back) = (
            store["out"].as_u64().unwrap(),
            store["in"].as_u64().unwrap(),
        );
        assert!(out >= 24 && back >= 24, "{store}");
        let evict = one(board, "evict json");
        assert_eq!(evict["policy"], "nru");
        assert!(evict["major"].as_u64() >= Some(24), "{evict}");
        let said = board.run("hist json");
        let costs: Vec<serde_json::Value> = said
            .lines()
            .filter(|text| text.starts_with('{'))
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        let named: Vec<_> = costs
            .iter()
            .map(|it| it["cost"].as_str().unwrap())
            .collect();
        assert_eq!(named, ["fault", "select", "page-in", "page-out"]);
        for kind in &costs {
            let bins = kind["bins"].as_array().unwrap();
            let sum: u64 = bins.iter().map(|bin| bin.as_u64().unwrap()).sum();
            assert_eq!(kind["times"].as_u64(), Some(sum), "{kind}");
            assert_eq!(bins.len(), kind["bounds"].as_array().unwrap().len() + 1);
        }
        assert!(costs[3]["times"].as_u64() >= Some(out), "{said}");
        // Of one hart nothing else runs while a page is read: both are the same.
        let said = board.run("pressure json");
        let lines = said.lines().filter(|text| text.starts_with('{'));
        let shares: Vec<serde_json::Value> = lines
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        assert_eq!(shares.len(), 2, "{said}");
        for (share, kind) in shares.iter().zip(["some", "full"]) {
            assert_eq!(share["pressure"], kind);
            assert!(share["total_us"].as_u64() > Some(0), "{share}");
            for span in ["avg10", "avg60", "avg300"] {
                let percent = share[span].as_f64().unwrap();
                assert!((0.0..=100.0).contains(&percent), "{share}");
            }
        }
        assert_eq!(shares[0]["total_us"], shares[1]["total_us"]);
        // In words.
        let words = |board: &mut Board, line: &str, wanted: &[&str]| {
            let said = board.run(line);
            assert!(wanted.iter().all(|word| said.contains(word)), "{said}");
        };
        words(board, "store", &["STORE", "RESERVE", "ram", "2560"]);
        words(board, "evict", &["POLICY", "MAJOR", "nru"]);
        words(
            board,
            "pressure",
            &["some avg10=", "full avg10=", " avg300=", " total="],
        );
        words(
            board,
            "hist",
            &["below    256", "more", "average", "most", "page-out"],
        );
        words(board, "store now", &["usage: store [json]"]);
    });
}

/// Calls that move pages, with arguments that make no sense, beside a program whose pages they take.
#[test]
fn senseless_calls_with_a_store_do_no_harm() {
    on_small_boards("2M store=zip:2M", |board| {
        board.run("alloc_test 256 300 2000 &");
        for seed in 1..4 {
            let said = board.run(&format!("hostile 10000 {seed}"));
            assert!(said.contains("hostile: 10000 calls"), "{said}");
        }
        board.run("wait");
        let said = board.text();
        assert_eq!(said.matches("all as written").count(), 1, "{said}");
    });
}

/// The one that has most ends; the fault is served, and who is smaller than all pays itself.
#[test]
fn out_of_frames_the_largest_ends_where_boot_asked_for_it() {
    on_small_boards("1M oom=kill-largest", |board| {
        board.run("alloc_test 4096 170 60000 &");
        // It holds all of its pages once it sleeps.
        let holds = |said: &str| {
            let mut lines = said.lines();
            lines.any(|line| line.contains("sleeping") && line.contains("alloc_test"))
        };
        while !holds(&board.run("ps")) {}
        let said = board.run("touch_test 100");
        assert!(said.contains("touch_test: 100 pages"), "{said}");
        board.run("wait");
        let said = board.text();
        let killed = "alloc_test 4096 170 60000: killed: out of memory, 1";
        assert_eq!(said.matches(killed).count(), 1, "{said}");
        assert!(said.contains("pages, for touch_test 100"), "{said}");
        assert!(said.contains("ended with status 255"), "{said}");
        // No other has more than who wants more than there is.
        board.run("alloc_test 4096 20 1000 &");
        let said = board.run("touch_test 500");
        assert!(said.contains("touch_test 500: killed: Store"), "{said}");
        board.run("wait");
        assert_eq!(board.text().matches("all as written").count(), 1);
    });
}

#[test]
fn out_of_frames_the_one_who_faults_dies_and_the_others_go_on() {
    on_small_boards("1M", the_one_who_faults_dies);
}

fn the_one_who_faults_dies(board: &mut Board) {
    // The shell has touched all that it will need: its own pages are no difference.
    board.run("hello &");
    board.run("wait");
    let before = free_pages(&board.run("free"));
    board.run("alloc_test 128 100 4000 &");
    let greedy = board.run("touch_test 500");
    assert!(
        greedy.contains("touch_test 500: killed: Store/AMO page fault"),
        "{greedy}"
    );
    assert!(
        greedy.contains("ended with status 143"),
        "128 and the cause: {greedy}"
    );
    // The neighbour lives on with what it has, and new ones start.
    let running = tasks(&board.run("ps"));
    assert!(
        running
            .iter()
            .any(|task| task.line.starts_with("alloc_test")),
        "{running:?}"
    );
    assert!(board.run("hello").contains("hello, world"));
    let (_, log) = fault_log(&board.run("faults"));
    let refused: Vec<_> = log
        .iter()
        .filter(|fault| fault.outcome == "out of memory")
        .collect();
    assert_eq!(
        refused.len(),
        1,
        "one fault found no frame, and no other did: {refused:?}"
    );
    assert_eq!(refused[0].scause, 15);
    board.run("wait");
    let said = board.text();
    assert_eq!(
        said.matches("all as written").count(),
        1,
        "the neighbour lost something:\n{said}"
    );
    assert_eq!(free_pages(&board.run("free")), before);
    // And again: what the dead one held is there for the next.
    assert!(
        board
            .run("touch_test 150")
            .contains("touch_test: 150 pages")
    );
}
