//! Hostile input ends, within bounds of time and memory, with an honest answer.

mod hostile;
mod program;

use program::{json, pagewalk};

#[test]
fn a_hostile_dump_ends_with_a_word_on_how_far_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = hostile::dump(folder.path());
    let (seconds, peak) = hostile::map(env!("CARGO_BIN_EXE_pagewalk"), &dump);
    println!("{seconds:.2} s, {} MiB", peak >> 20);
    assert!(peak > 0 && peak <= 200 << 20, "{} MiB", peak >> 20);
}

#[test]
fn a_core_that_was_cut_off_shows_what_is_left_and_fails() {
    let whole = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/linux-sv39/pagetables.core"
    );
    let bytes = std::fs::read(whole).expect("a core");
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.core");
    let satp = "0x80033000000830ca";
    let leaves = |core: &str| {
        let stats = json(
            &["stats", "--from", core, "--satp", satp, "--format", "json"],
            "",
        );
        stats["spaces"][0]["mapped"].as_u64().expect("bytes")
    };
    // The root is in all of these, and what is behind the cut in none.
    for part in [6, 7, 8, 9] {
        std::fs::write(&cut, &bytes[..bytes.len() * part / 10]).expect("a shorter core");
        let name = cut.to_str().expect("a path in UTF-8");
        let run = pagewalk(&["map", "--from", name, "--satp", satp], "");
        assert_eq!(run.code, 1, "{part}: {}", run.stderr);
        assert!(
            run.stderr.contains("cut off; memory from 0x"),
            "{}",
            run.stderr
        );
        let is_told = run.stderr.contains("error: the core ends at 0x")
            || run.stderr.contains("error: the root table at 0x");
        assert!(is_told, "{}", run.stderr);
        assert!(run.stdout.contains("problems"), "{part}: {}", run.stdout);
    }
    assert_eq!(leaves(whole), 594_124_800);
}
