//! Onto a card that was used before, and with another kernel: whole, or refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::board::built;
use crate::card::Card;
use crate::image::Image;
use crate::tools::{path, tool};

/// A copy of a built image with what lies beside it, in a folder of its own.
fn copy_of(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the copy");
    for ending in ["", ".bmap", ".sha256"] {
        let name = format!("{name}{ending}");
        tool(
            "cp",
            &[
                "--sparse=always",
                path(&built(&format!("images/{name}"))),
                path(&folder.path().join(&name)),
            ],
            b"",
        );
    }
    let image = folder.path().join(name);
    (folder, image)
}

/// A card as large as the image, full of old data.
fn used_card(folder: &Path, image: &Path) -> PathBuf {
    let card = folder.join("card");
    let size = fs::metadata(image).expect("the image").len();
    let mut left = vec![0xa5; 1 << 20];
    left[..8].copy_from_slice(b"EFI PART");
    fs::write(&card, left.repeat((size >> 20) as usize)).expect("the used card");
    card
}

/// Runs our own program, which may refuse.
fn pagewalk(arguments: &[&str]) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(arguments)
        .output();
    let Output { status, stderr, .. } = run.expect("our own program runs");
    (
        status.success(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

#[test]
fn a_card_that_held_something_else_is_whole_after_flashing() {
    for name in ["ox64-sd.img", "qemu-virt-sd.img"] {
        let (folder, image) = copy_of(name);
        let used = used_card(folder.path(), &image);
        let (done, said) = pagewalk(&["flash", path(&image), path(&used), "--yes"]);
        assert!(
            done && said.contains("only the blocks of its map, read back and equal"),
            "{said}"
        );
        // What the map leaves out must not matter: not to fsck, and not to a reader.
        let (card, original) = (Card::open(&used), Card::open(&image));
        card.check();
        assert_eq!(card.files(), original.files());
        for file in card.files() {
            assert!(card.read(&file) == original.read(&file), "{file} on {name}");
        }
    }
}

/// The built Image with a larger initrd, so that its file needs more clusters.
fn larger_image(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    tool(
        "cp",
        &[
            "-R",
            path(&built("images/initrd.romfs").with_file_name("rootfs")),
            path(&root),
        ],
        b"",
    );
    fs::write(root.join("large"), vec![0x5a; 3_000_000]).expect("a large file");
    let (initrd, image) = (folder.join("initrd"), folder.join("Image"));
    let (done, said) = pagewalk(&[
        "romfs",
        "build",
        path(&root),
        "-o",
        path(&initrd),
        "--align",
        "4096",
    ]);
    assert!(done, "{said}");
    let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    let (done, said) = pagewalk(&[
        "image",
        "glue",
        path(&kernel),
        "--initrd",
        path(&initrd),
        "-o",
        path(&image),
    ]);
    assert!(done, "{said}");
    image
}

#[test]
fn another_kernel_is_swapped_in_and_reaches_the_card_whole() {
    let (folder, image) = copy_of("ox64-sd.img");
    let old_map = fs::read(built("images/ox64-sd.img.bmap")).expect("the map");
    let kernel = larger_image(folder.path());
    let (done, said) = pagewalk(&["image", "swap-kernel", path(&kernel), path(&image)]);
    assert!(done, "{said}");
    let sums = Command::new("sha256sum")
        .args(["-c", "ox64-sd.img.sha256"])
        .current_dir(folder.path())
        .output();
    assert!(
        sums.expect("sha256sum").status.success(),
        "the sum beside the image is the old one"
    );

    let used = used_card(folder.path(), &image);
    let (done, said) = pagewalk(&["flash", path(&image), path(&used), "--yes"]);
    assert!(done, "{said}");
    let card = Card::open(&used);
    card.check();
    assert!(
        card.read("/Image") == fs::read(&kernel).expect("the kernel"),
        "the kernel on the card is torn"
    );

    // By the old map a part of the new kernel would be left out.
    fs::write(folder.path().join("ox64-sd.img.bmap"), old_map).expect("the old map");
    let before = fs::read(&used).expect("the card");
    let (done, said) = pagewalk(&["flash", path(&image), path(&used), "--yes"]);
    assert!(!done && said.contains("is not of this image"), "{said}");
    assert!(
        fs::read(&used).expect("the card") == before,
        "refused, and yet written"
    );
}

#[test]
fn a_kernel_that_would_not_boot_is_not_swapped_in() {
    let (folder, image) = copy_of("qemu-virt-sd.img");
    let before = fs::read(&image).expect("the image");
    let whole = Image::built().bytes;
    let cut = folder.path().join("cut");
    fs::write(&cut, &whole[..whole.len() - 4096]).expect("a truncated Image");
    let (done, said) = pagewalk(&["image", "swap-kernel", path(&cut), path(&image)]);
    assert!(!done && said.contains("truncated"), "{said}");
    fs::write(&cut, b"not a kernel").expect("no Image");
    let (done, said) = pagewalk(&["image", "swap-kernel", path(&cut), path(&image)]);
    assert!(!done && said.contains("no Linux Image header"), "{said}");
    assert!(fs::read(&image).expect("the image") == before);
}

#[test]
fn the_map_lists_what_is_not_zero() {
    let image = built("images/ox64-sd.img");
    let map = fs::read_to_string(built("images/ox64-sd.img.bmap")).expect("the map");
    let ranges: Vec<(usize, usize)> = map
        .split("</Range>")
        .filter_map(|part| part.rsplit_once("\"> "))
        .map(|(_, blocks)| blocks.trim())
        .map(|blocks| blocks.split_once('-').unwrap_or((blocks, blocks)))
        .map(|(first, last)| {
            (
                first.parse().expect("a block"),
                last.parse().expect("a block"),
            )
        })
        .collect();
    let image = fs::read(image).expect("the image");
    assert!(
        map.contains(&format!("<ImageSize> {} </ImageSize>", image.len())),
        "{map}"
    );
    for (number, block) in image.chunks(4096).enumerate() {
        let is_mapped = ranges
            .iter()
            .any(|&(first, last)| first <= number && number <= last);
        assert!(
            is_mapped || block.iter().all(|byte| *byte == 0),
            "block {number} is not in the map"
        );
    }
    let mapped: usize = ranges.iter().map(|(first, last)| last - first + 1).sum();
    assert!(
        mapped < image.len() / 4096 / 10,
        "{mapped} blocks: a map of everything is none"
    );
}
