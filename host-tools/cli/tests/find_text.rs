//! `find --pattern` with text, in a core that a Linux left and to which two pages of text are added.

use std::fs;
use std::path::Path;
use std::process::Command;

const CORE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/captures/linux-sv39/pagetables.core"
);
const SATP: &str = "0x80033000000830ca";
/// Where the kernel's text begins; its tables map this at 0xffffffff80000000.
const TEXT_PA: u64 = 0x8020_0000;

/// The core with one more segment: its program headers move behind all else, with room for one.
fn core_with(pages: &[u8], path: &Path) {
    const HEADER: usize = 56;
    let mut core = fs::read(CORE).expect("a core");
    let count = u16::from_le_bytes([core[56], core[57]]);
    let first = u64::from_le_bytes(core[32..40].try_into().expect("8 bytes")) as usize;
    let headers = core[first..first + usize::from(count) * HEADER].to_vec();
    let data = core.len() as u64;
    core.extend(pages);
    let moved = core.len() as u64;
    core.extend(headers);
    // PT_LOAD, readable; offset, virtual and physical address, both sizes, alignment.
    let size = pages.len() as u64;
    core.extend(1_u32.to_le_bytes());
    core.extend(4_u32.to_le_bytes());
    for word in [data, TEXT_PA, TEXT_PA, size, size, 4096] {
        core.extend(word.to_le_bytes());
    }
    core[32..40].copy_from_slice(&moved.to_le_bytes());
    core[56..58].copy_from_slice(&(count + 1).to_le_bytes());
    fs::write(path, core).expect("room");
}

fn find(core: &Path, pattern: &str, more: &[&str]) -> (Option<i32>, String) {
    let core = core.to_str().expect("a name");
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["find", "--pattern", pattern, "--from", core, "--satp", SATP])
        .args(more)
        .output()
        .expect("it runs");
    let told = [run.stdout, run.stderr].concat();
    (
        run.status.code(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

#[test]
fn text_in_a_core_is_found_where_its_tables_map_it_also_across_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vmcore");
    let mut pages = vec![0; 8192];
    for (at, text) in [
        (0x123, "Linux version 6.1"),
        (0xffa, "Linux version 9"),
        (0x1800, "cafe"),
    ] {
        pages[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    core_with(&pages, &path);
    let kernel = ["--range", "0xffffffff80000000+2M"];
    let (code, told) = find(&path, "Linux version", &kernel);
    assert_eq!(code, Some(0), "{told}");
    let places: Vec<&str> = told.lines().filter(|line| line.starts_with("0x")).collect();
    assert_eq!(places.len(), 2, "{told}");
    assert!(
        places[0].starts_with("0xffffffff80000123  0x0000000080200123   13B"),
        "{told}"
    );
    assert!(
        places[1].starts_with("0xffffffff80000ffa  0x0000000080200ffa   13B"),
        "{told}"
    );
    // Without a range the direct map of all memory has it once more.
    let (_, told) = find(&path, "Linux version 9", &[]);
    assert!(
        told.contains("(text `Linux version 9`): 2 places in 1 root"),
        "{told}"
    );
    // What looks like hexadecimal is bytes, unless it says that it is text.
    let (_, told) = find(&path, "text:cafe", &kernel);
    assert!(told.contains("0xffffffff80001800"), "{told}");
    let (_, told) = find(&path, "cafe", &kernel);
    assert!(!told.contains("0xffffffff80001800"), "{told}");
}
