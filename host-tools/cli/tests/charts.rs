//! Charts of page tables write what their file's name says, and say what they show.

mod program;

use std::fs;

use program::{json, pagewalk};

const LINUX: [&str; 4] = [
    "--from",
    "linux-sv39/pagetables.core",
    "--satp",
    "0x80033000000830ca",
];

/// Draws a chart both ways; its words.
#[track_caller]
fn drawn(words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, begin) in [("it.png", &b"\x89PNG\r\n\x1a\n"[..]), ("it.svg", b"<svg")] {
        let path = folder.path().join(name);
        let output = path.to_str().expect("a path in UTF-8");
        let run = pagewalk(&[&["chart"], words, &["-o", output]].concat(), "");
        assert_eq!(
            (run.code, &*run.stdout),
            (0, ""),
            "{words:?}: {}",
            run.stderr
        );
        let drawn = fs::read(&path).expect("the chart");
        assert!(drawn.starts_with(begin), "{name}");
        assert!(drawn.len() > 3_000, "{name}: {} bytes", drawn.len());
    }
    fs::read_to_string(folder.path().join("it.svg")).expect("text")
}

#[track_caller]
fn says(svg: &str, words: &[&str]) {
    for words in words {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn physical_memory_has_a_colour_for_each_owner() {
    let both = "0x80033000000830ca,0x800000000008feee";
    let svg = drawn(&["map", "--physical", LINUX[0], LINUX[1], LINUX[2], both]);
    // Counted apart from this program: every page that U maps in one of the roots, or in both.
    let words = [
        "Physical memory of 2 address spaces: pagetables.core",
        "page tables (948KiB)",
        "user of 0x80033000000830ca (6.82MiB)",
        "user of 0x800000000008feee (1.30MiB)",
        "user, shared by several (132KiB)",
    ];
    says(&svg, &words);
}

#[test]
fn a_block_says_whose_memory_it_is_and_what_it_permits() {
    let board = ["--board", "qemu-virt"];
    let svg = drawn(&[&["map"][..], &LINUX, &board].concat());
    says(&svg, &["16KiB mapped of 52KiB, 4 ranges: rw- user"]);
    says(&svg, &["4KiB is 20 pixels high, each doubling adds 2"]);
    let svg = drawn(&[&["map", "--physical"][..], &LINUX, &board].concat());
    says(&svg, &["6MiB in 1 part: plic", "4KiB in 1 part: uart"]);
}

#[test]
fn a_tooltip_has_the_exact_addresses_of_each_part() {
    let svg = drawn(&[&["map"][..], &LINUX].concat());
    let ranges = "<title>12KiB in 3 ranges: rw- user\n0x0000000003954000-";
    says(&svg, &[ranges, "and 76 more</title>", "gap of 56.8MiB: 0x"]);
    let svg = drawn(&["timeline", "samples.csv"]);
    says(&svg, &["<title>0.500 s\nmapped: 4MiB\nused (A): 2MiB"]);
    let svg = drawn(&["faults", "run.pwlog"]);
    says(
        &svg,
        &[
            "<title>2.0 s, 100 ms\n",
            "\nStore/AMO page fault: 41</title>",
        ],
    );
}

#[test]
fn the_working_set_is_a_heat_map() {
    let svg = drawn(&[&["ws"], &LINUX[..], &["--user"]].concat());
    let words = [
        "Working set of 0x80033000000830ca (sv39): pagetables.core",
        "6.96MiB mapped, 6.96MiB used (A), 6.25MiB written (D)",
        "wx user",
    ];
    says(&svg, &words);
}

#[test]
fn the_tree_of_tables_tells_the_empty_ones() {
    let svg = drawn(&[&["levels"], &LINUX[..]].concat());
    says(&svg, &["207 tables", "197 empty", "133 valid"]);
    let sv32 = drawn(&[
        "levels",
        "--from",
        "nuttx-sv32/pagetables.core",
        "--satp",
        "0x80080a1f",
    ]);
    says(&sv32, &["7 tables", "4MiB a page"]);
}

#[test]
fn changes_and_samples_are_drawn() {
    let svg = drawn(&["diff", "before.json", "after.json"]);
    says(
        &svg,
        &[
            "Changes: before.json to after.json",
            "removed (64KiB)",
            "2MiB added: rwx--ad",
        ],
    );
    let svg = drawn(&["timeline", "samples.csv"]);
    says(
        &svg,
        &[
            "Working set over time: samples.csv",
            "used (A) (3MiB at the end)",
        ],
    );
}

#[test]
fn a_map_is_drawn_as_svg_and_as_png() {
    let core = "linux-sv39/pagetables.core";
    let satp = "0x80033000000830ca";
    let folder = tempfile::tempdir().expect("a folder");
    for (name, begin) in [("map.svg", &b"<svg"[..]), ("map.png", b"\x89PNG\r\n\x1a\n")] {
        let path = folder.path().join(name);
        let output = path.to_str().expect("a path in UTF-8");
        let run = pagewalk(
            &["chart", "map", "--core", core, "--satp", satp, "-o", output],
            "",
        );
        assert_eq!((run.code, &*run.stdout), (0, ""), "{}", run.stderr);
        let drawn = fs::read(&path).expect("the chart");
        assert!(drawn.starts_with(begin), "{name}");
        assert!(drawn.len() > 10_000, "{name}: {} bytes", drawn.len());
    }
    let svg = fs::read_to_string(folder.path().join("map.svg")).expect("text");
    let map = json(
        &["map", "--core", core, "--satp", satp, "--format", "json"],
        "",
    );
    let first = map["ranges"][0]["va"].as_str().expect("an address");
    let digits = first.trim_start_matches("0x");
    assert!(svg.contains(&format!("0x{digits:0>16}")), "{first}");
    for words in [
        "Address space 0x80033000000830ca (sv39): pagetables.core",
        "0xffffffff80000000",
        "rw- supervisor (510MiB)",
        "gap of 255GiB",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}
