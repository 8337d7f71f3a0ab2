//! Hostile input ends, within bounds of time and memory, with an honest answer.

mod hostile;

#[test]
fn a_hostile_dump_ends_with_a_word_on_how_far_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = hostile::dump(folder.path());
    let (seconds, peak) = hostile::map(env!("CARGO_BIN_EXE_pagewalk"), &dump);
    println!("{seconds:.2} s, {} MiB", peak >> 20);
    assert!(peak > 0 && peak <= 200 << 20, "{} MiB", peak >> 20);
}
