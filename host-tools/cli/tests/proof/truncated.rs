//! An Image that is not whole, or not as it was packed, is refused with words.

use std::path::PathBuf;

use crate::board::{Board, PROMPT, Qemu};
use crate::image::Image;

/// Boots these bytes, with a command line, up to the refusal or the prompt.
fn start(bytes: &[u8], words: &str) -> (Board, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the damaged Image");
    let file: PathBuf = folder.path().join("Image");
    std::fs::write(&file, bytes).expect("the damaged Image");
    (Qemu::with_kernel(&file).append(words).start(), folder)
}

/// What the kernel says instead of its prompt.
#[track_caller]
fn refusal(bytes: &[u8], words: &str) -> String {
    let (mut board, _folder) = start(bytes, words);
    board.expect("pagewalk: ");
    let said = board.expect("\n");
    assert!(!said.contains(PROMPT), "{said}");
    said
}

#[test]
fn a_truncated_image_is_refused_wherever_it_was_cut() {
    let image = Image::built();
    let record = image.record();
    let cuts = [
        ("before the initrd", record.initrd_offset),
        (
            "inside the initrd",
            record.initrd_offset + record.initrd_size / 2,
        ),
        ("one page short", record.file_size - 4096),
    ];
    for (place, length) in cuts {
        let said = refusal(&image.bytes[..length as usize], "");
        assert!(said.contains("truncated"), "cut {place}: {said:?}");
    }
}

#[test]
fn a_broken_record_is_refused() {
    let mut image = Image::built();
    let at = image.record_offset();
    image.bytes[at + 17] ^= 0x10; // the initrd's offset
    let said = refusal(&image.bytes, "");
    assert!(said.contains("record"), "{said:?}");
}

#[test]
fn a_broken_initrd_is_found_when_asked_for() {
    let mut image = Image::built();
    let record = image.record();
    // A byte of some file's content, far beyond what the superblock's sum covers.
    let at = (record.initrd_offset + record.initrd_size / 2) as usize;
    image.bytes[at] ^= 0xff;
    let said = refusal(&image.bytes, "initrd.verify=1");
    assert!(said.contains("initrd"), "{said:?}");
}

#[test]
fn a_sound_initrd_passes_when_asked_for() {
    let mut board = Qemu::with_image().append("initrd.verify=1").boot();
    assert!(board.run("hello").to_lowercase().contains("hello"));
}

/// A bit of the kernel's own code: nothing else would notice before it is run into.
#[test]
fn a_bit_that_flipped_in_the_kernels_text_is_found() {
    let whole = Image::built();
    let text = whole.offset_of("_text_end");
    // The last byte of the text is padding, which no hart executes.
    for (at, boots) in [(text - 1, false), (text, true)] {
        let mut bytes = whole.bytes.clone();
        bytes[at as usize] ^= 0x10;
        let folder = tempfile::tempdir().expect("a folder for the damaged Image");
        let file = folder.path().join("Image");
        std::fs::write(&file, &bytes).expect("the damaged Image");
        let inspected = std::process::Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["image", "inspect"])
            .arg(&file)
            .output()
            .expect("our program runs");
        let told = String::from_utf8_lossy(&inspected.stdout).into_owned();
        assert_eq!(told.contains("CRC-32 of its text"), !boots, "{told}");
        if !boots {
            assert!(!inspected.status.success());
            let said = refusal(&bytes, "initrd.verify=1");
            assert!(said.contains("the kernel is damaged"), "{said:?}");
        }
    }
}
