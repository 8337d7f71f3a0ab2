//! `map` of real machines' tables equals what is known of them, range by range.

mod program;

use std::path::Path;

use link::memory::{Cached, open_core};
use model::AddressSpace;
use model::find::reaching;
use model::space::Bounds;
use pagetable::{Dialect, Satp};
use program::json;
use serde_json::{Value, json};

fn truth(file: &str) -> Value {
    let path = format!("{}/tests/captures/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a truth file");
    serde_json::from_str(&text).expect("JSON")
}

fn map(core: &str, satp: &str) -> Value {
    let map = json(
        &["map", "--core", core, "--satp", satp, "--format", "json"],
        "",
    );
    assert_eq!(map["schema"], "pagewalk.map/1");
    map
}

#[test]
fn linux_maps_are_exact_for_every_root() {
    for (name, ranges) in [("current", 349), ("swapper", 257), ("pid1", 285)] {
        let truth = truth(&format!("linux-sv39/truth.{name}.json"));
        let satp = truth["satp"].as_str().expect("a satp");
        let map = map("linux-sv39/pagetables.core", satp);
        for member in ["satp", "mode", "asid", "root_pa", "ranges", "problems"] {
            assert_eq!(map[member], truth[member], "{name}: {member}");
        }
        let known = map["ranges"].as_array().map(Vec::len);
        assert_eq!(known, Some(ranges), "{name}");
    }
}

/// 672 ways to tables lead to 238 of them: the maps of all roots and a search through them read
/// each of them from the file once, and nothing else.
#[test]
fn three_roots_of_linux_are_mapped_and_searched_in_238_pages() {
    let core = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/linux-sv39/pagetables.core"
    );
    let core = open_core(Path::new(core)).expect("a core");
    let mut memory = Cached::new(core.memory);
    let mut spaces = Vec::new();
    let mut wanted = 0;
    for (name, tables) in [("current", 229), ("swapper", 218), ("pid1", 225)] {
        let truth = truth(&format!("linux-sv39/truth.{name}.json"));
        let satp = Satp::decode(number(&truth["satp"]), core.xlen).expect("a satp");
        let space = AddressSpace::read(&mut memory, satp, Dialect::None);
        assert_eq!(space.tables().len(), tables, "{name}");
        // The kernel's first page is in every space.
        let ranges = truth["ranges"].as_array().expect("ranges");
        let holds = |range: &&Value| {
            let first = number(&range["pa"]);
            (first..first + number(&range["size"])).contains(&0x8020_0000)
        };
        wanted += ranges.iter().filter(holds).count();
        spaces.push(space);
    }
    assert_eq!(memory.pages(), 238);
    let page = Bounds {
        first: 0x8020_0000,
        last: 0x8020_0000,
    };
    assert_eq!(reaching(&spaces, page, usize::MAX).hits.len(), wanted);
    assert!(wanted >= 3, "{wanted}");
    assert_eq!(memory.pages(), 238, "a search reads nothing again");
}

fn number(value: &Value) -> u64 {
    match value {
        Value::String(hex) => u64::from_str_radix(&hex[2..], 16).expect("hexadecimal"),
        number => number.as_u64().expect("a number"),
    }
}

/// Joins neighbours whose flags are equal, whatever their page sizes.
fn joined(ranges: &Value) -> Vec<Value> {
    let mut joined: Vec<(u64, u64, u64, &Value)> = Vec::new();
    for range in ranges.as_array().expect("ranges") {
        let (va, pa) = (number(&range["va"]), number(&range["pa"]));
        let (size, perms) = (number(&range["size"]), &range["perms"]);
        match joined.last_mut() {
            Some(last) if (last.0 + last.2, last.1 + last.2, last.3) == (va, pa, perms) => {
                last.2 += size;
            }
            _ => joined.push((va, pa, size, perms)),
        }
    }
    let row = |(va, pa, size, perms)| json!({"va": format!("{va:#x}"), "pa": format!("{pa:#x}"), "size": size, "perms": perms});
    joined.into_iter().map(row).collect()
}

#[test]
fn nuttx_map_is_exact_after_joining_page_sizes() {
    let truth = truth("nuttx-sv32/truth.current.json");
    let map = map("nuttx-sv32/pagetables.core", "0x80080a1f");
    for member in ["satp", "mode", "asid", "root_pa"] {
        assert_eq!(map[member], truth[member], "{member}");
    }
    assert_eq!(
        &joined(&map["ranges"]),
        truth["ranges"].as_array().expect("ranges")
    );
    assert_eq!(map["problems"], json!([]));
}

#[test]
fn every_page_of_the_map_is_where_the_walk_goes() {
    let core = "linux-sv39/pagetables.core";
    let satp = "0x80033000000830ca";
    let map = map(core, satp);
    let ranges = map["ranges"].as_array().expect("ranges");
    // The last byte of every twentieth range: the program starts once for each.
    for range in ranges.iter().step_by(20) {
        let into = number(&range["size"]) - 1;
        let va = format!("{:#x}", number(&range["va"]).wrapping_add(into));
        let pa = format!("{:#x}", number(&range["pa"]) + into);
        let walk = json(
            &[
                "walk", &va, "--core", core, "--satp", satp, "--format", "json",
            ],
            "",
        );
        assert_eq!(walk["pa"], pa, "{va}");
        assert_eq!(walk["page"]["perms"], range["perms"], "{va}");
    }
}
