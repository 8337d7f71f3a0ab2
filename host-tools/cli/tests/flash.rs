//! `pagewalk flash` onto files that stand for cards of every size.

use std::fs;
use std::path::Path;
use std::process::Command;

const MIB: usize = 1 << 20;

fn flash(folder: &Path, image: &str, card: &str) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["flash", image, card, "--yes"])
        .current_dir(folder)
        .output()
        .expect("our program runs");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    (run.status.success(), said)
}

/// A folder with an image of two MiB that has no map.
fn image() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let image: Vec<u8> = (0..2 * MIB as u32).map(|at| (at / 7) as u8).collect();
    fs::write(folder.path().join("image"), &image).unwrap();
    (folder, image)
}

#[test]
fn a_larger_card_keeps_what_lies_behind_the_image() {
    let (folder, image) = image();
    let card = folder.path().join("card");
    fs::write(&card, vec![0xa5; 3 * MIB]).unwrap();
    let (done, said) = flash(folder.path(), "image", "card");
    assert!(done && said.contains("read back and equal"), "{said}");
    let card = fs::read(&card).unwrap();
    assert!(card[..2 * MIB] == image && card[2 * MIB..] == vec![0xa5; MIB]);
}

#[test]
fn a_smaller_card_is_refused_and_left_alone() {
    let (folder, _) = image();
    let card = folder.path().join("card");
    fs::write(&card, vec![0xa5; MIB]).unwrap();
    let (done, said) = flash(folder.path(), "image", "card");
    let wanted = "image on card: needs 2097152 bytes, has 1048576; take a larger card";
    assert!(!done && said.contains(wanted), "{said}");
    assert!(fs::read(&card).unwrap() == vec![0xa5; MIB]);
}

#[test]
fn an_empty_file_becomes_as_large_as_the_image() {
    let (folder, image) = image();
    fs::write(folder.path().join("card"), "").unwrap();
    let (done, said) = flash(folder.path(), "image", "card");
    assert!(done, "{said}");
    assert!(fs::read(folder.path().join("card")).unwrap() == image);
}

#[test]
fn what_is_no_image_or_no_card_is_refused() {
    let (folder, image) = image();
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (from, to, wanted) in [
        ("image", "image", "is the image itself"),
        ("empty", "image", "is no image"),
        ("folder", "image", "is no image"),
        ("image", "folder", "is neither a block device nor a file"),
        ("image", "missing", "cannot open missing"),
        ("missing", "image", "cannot read missing"),
    ] {
        let (done, said) = flash(folder.path(), from, to);
        assert!(!done && said.contains(wanted), "{from} {to}: {said}");
    }
    assert!(fs::read(folder.path().join("image")).unwrap() == image);
}
