//! `chart map` writes what its file's name says.

mod program;

use std::fs;

use program::{json, pagewalk};

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
