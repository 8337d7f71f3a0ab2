//! What the kernel does with memory, seen from outside, on Sv39 and on Sv32.

use crate::board::{Board, fault_log, number_after, tasks};
use crate::each_width::{on_each_width, sound};

/// A test program says how many of its checks hold.
pub fn all_hold(board: &mut Board, line: &str) {
    let said = board.run(line);
    let name = line.split(' ').next().unwrap_or(line);
    let verdict = said
        .lines()
        .rfind(|text| text.starts_with(&format!("{name}: ")));
    assert!(
        verdict.is_some_and(|text| text.ends_with(" checks hold, 0 do not")),
        "{said}"
    );
}

#[test]
fn mappings_rights_advice_and_heap_are_as_promised() {
    on_each_width(|board| {
        all_hold(board, "map_test");
        let (_, log) = fault_log(&board.run("faults"));
        let guard = log.iter().filter(|fault| fault.outcome == "guard page");
        assert_eq!(guard.count(), 2, "before and behind a mapping");
        all_hold(board, "map_test");
    });
}

#[test]
fn shared_memory_lives_as_long_as_one_has_it() {
    on_each_width(|board| {
        all_hold(board, "share_test");
        all_hold(board, "share_test");
    });
}

#[test]
fn a_fork_has_all_of_its_parents_memory_and_each_writes_its_own() {
    on_each_width(|board| {
        for _ in 0..2 {
            let said = board.run("fork_test");
            assert!(
                said.contains("fork_test: 31 checks hold, 0 do not"),
                "{said}"
            );
            assert_eq!(
                said.matches("killed:").count(),
                1,
                "frames in a row are not a child's: {said}"
            );
        }
        let (_, log) = fault_log(&board.run("faults"));
        for outcome in ["copied on write", "last owner"] {
            let found = log.iter().any(|fault| fault.outcome == outcome);
            assert!(found, "no fault of outcome {outcome}");
        }
    });
}

#[test]
fn devices_are_mapped_for_one_owner_and_nothing_else_is() {
    on_each_width(|board| {
        all_hold(board, "device_test");
        let held = board.run("device_test hold &");
        assert!(held.contains("holds the device: true"), "{held}");
        assert!(board.run("device_test take").contains("Err(InUse)"));
        let holder = tasks(&board.run("ps"));
        let holder = holder.iter().find(|task| task.line.contains("hold"));
        let pid = holder.expect("it holds the device").pid;
        board.run(&format!("kill {pid}"));
        assert!(board.run("device_test take").contains("Ok(\"taken\")"));
    });
}

#[test]
fn a_file_comes_eight_pages_at_a_time_in_place_and_one_by_one_as_copies() {
    on_each_width(|board| {
        let said = board.run("image_test");
        assert_eq!(said.matches("as linked: true").count(), 3, "{said}");
        let (_, log) = fault_log(&board.run("faults"));
        let task = log.last().expect("it faulted").task;
        let how = |outcome: &str| {
            let own = log.iter().filter(|fault| fault.task == task);
            own.filter(|fault| fault.outcome == outcome && fault.scause == 13)
                .count()
        };
        // 32 pages of constants on a border of pages, not of eight: four or five blocks; eight
        // that come alone; and what else it reads.
        assert!((12..=15).contains(&how("image in place")), "{said}");
        assert!((16..=19).contains(&how("image copied")), "{said}");
    });
}

/// Text, constants, data, heap, a mapping, the stack: where the system of that name has them.
#[test]
fn programs_linked_for_a_layout_run_by_name_and_have_its_windows() {
    on_each_width(|board| {
        let bits = number_after(&board.run("boot"), "paging      Sv");
        let windows: [(&str, [(u64, u64); 4]); 4] = [
            (
                "nuttx",
                [
                    (0xc000_0000, 0xc010_0000),
                    (0xc020_0000, 0xc420_0000),
                    (0xd000_0000, 0xe000_0000),
                    (0xe040_0000, 0xf000_0000),
                ],
            ),
            (
                "xous",
                [
                    (0x1_0000, 0x2000_0000),
                    (0x2000_0000, 0x4000_0000),
                    (0x6000_0000, 0x7000_0000),
                    (0x7000_0000, 0x8000_0000),
                ],
            ),
            (
                "ox64",
                [
                    (0x8000_0000, 0x8010_0000),
                    (0x8020_0000, 0x8420_0000),
                    (0x1_0000_0000, 0x2_0000_0000),
                    (0xb000_0000, 0xc000_0000),
                ],
            ),
            (
                "low",
                [
                    (0x1_0000, 0x10_0000),
                    (0x1_0000, 0x1000_0000),
                    (0x4000_0000, 0x38_0000_0000),
                    (0x7000_0000, 0x40_0000_0000),
                ],
            ),
        ];
        for (name, places) in windows {
            let said = board.run(&format!("layout_{name}"));
            if bits == 32 && name == "ox64" {
                assert!(said.contains("not a program for this kernel"), "{said}");
                continue;
            }
            let at = |part: &str| {
                let line = said.lines().find(|line| line.contains(part));
                let line = line.unwrap_or_else(|| panic!("no {part}: {said}"));
                let digits = line.rsplit("0x").next().unwrap_or("");
                u64::from_str_radix(digits, 16).expect(line)
            };
            for (part, (from, end)) in [" text ", " heap ", " mapped ", " stack "]
                .into_iter()
                .zip(places)
            {
                assert!((from..end).contains(&at(part)), "{name}{part}: {said}");
            }
        }
    });
}

/// A hundred thousand system calls that make no sense, twice, with new memory calls among them.
#[test]
fn two_hundred_thousand_senseless_calls_harm_nobody() {
    on_each_width(|board| {
        for seed in [7, 1_000_007] {
            let said = board.run(&format!("hostile 100000 {seed}"));
            let refused = number_after(&said, "100000 calls, ");
            assert!((30_000..100_000).contains(&refused), "{said}");
            sound(board);
        }
        assert_eq!(board.run("hello"), "hello, world\n");
    });
}

#[test]
fn the_monitor_answers_programs_too() {
    on_each_width(|board| {
        board.run("spin &");
        for topic in [
            "ps", "ws", "free", "pmm", "vmm", "audit", "faults", "boot", "pt 1",
        ] {
            let said = board.run(&format!("{topic} json"));
            assert!(!said.trim().is_empty(), "{topic}");
            for line in said.lines() {
                let value: serde_json::Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{topic}: {error}: {line}"));
                assert!(value.is_object(), "{topic}: {line}");
            }
        }
        // The same numbers twice: pages used are the tasks' pages, their tables, and nothing else.
        let object = |said: String| -> Vec<serde_json::Value> {
            let lines = said.lines().map(serde_json::from_str);
            lines
                .map(|value| value.expect("it was read before"))
                .collect()
        };
        let free = object(board.run("free json"));
        let tables: u64 = object(board.run("ps json"))
            .iter()
            .map(|task| task["tables"].as_u64().expect("a number"))
            .sum();
        assert_eq!(free[0]["tables"].as_u64(), Some(tables));
        let audited = object(board.run("audit json"));
        assert_eq!(audited[0]["problems"], 0);
        assert_eq!(audited[0]["pages"], free[0]["pages"]);
        let arenas = object(board.run("pmm json"));
        let total: u64 = ["boot", "tables", "pages", "shared", "free"]
            .iter()
            .map(|key| arenas[0][key].as_u64().expect("a number"))
            .sum();
        assert_eq!(free[0]["total"].as_u64(), Some(total));
        let reserved = board.run("pt 1 pages");
        assert!(reserved.contains("(flags: R | W)"), "{reserved}");
        assert!(
            reserved.contains("(flags: VALID | R | X | USER | A)"),
            "{reserved}"
        );
        let spinning = tasks(&board.run("ps"));
        let spinning = spinning.iter().find(|task| task.line.starts_with("spin"));
        let pid = spinning.expect("it spins").pid;
        board.run(&format!("kill {pid}"));
    });
}
