//! `pagewalk flash` onto files that stand for cards of every size.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

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

/// A folder with an image of two MiB that has no map: a partition table, and bytes.
fn image() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut image: Vec<u8> = (0..2 * MIB as u32).map(|at| (at / 7) as u8).collect();
    image[..512].fill(0);
    let entry = [0x80, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0];
    image[446..462].copy_from_slice(&entry);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
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
        ("empty", "image", "is not an image"),
        ("folder", "image", "is not an image"),
        ("image", "folder", "is neither a block device nor a file"),
        ("image", "missing", "cannot open missing"),
        ("missing", "image", "cannot read missing"),
    ] {
        let (done, said) = flash(folder.path(), from, to);
        assert!(!done && said.contains(wanted), "{from} {to}: {said}");
    }
    assert!(fs::read(folder.path().join("image")).unwrap() == image);
}

/// Compressed, or only a part of what goes onto a card: written, it would be reported as equal.
#[test]
fn what_is_no_disk_image_is_refused_and_named() {
    let (folder, image) = image();
    let card = vec![0xa5; 3 * MIB];
    fs::write(folder.path().join("card"), &card).unwrap();
    let mut kernel = vec![0; 4096];
    kernel[0x38..0x3c].copy_from_slice(b"RSC\x05");
    let mut empty_table = vec![0; 4096];
    empty_table[510..512].copy_from_slice(&[0x55, 0xaa]);
    for (name, bytes, wanted) in [
        (
            "x.img.bz2",
            b"BZh91AY&SY".to_vec(),
            "it is bzip2-compressed",
        ),
        (
            "x.zip",
            b"PK\x03\x04 and more".to_vec(),
            "it is a zip archive",
        ),
        ("Image", kernel, "it is an Image: a kernel"),
        ("kernel", b"\x7fELF\x02\x01".to_vec(), "it is an ELF file"),
        (
            "initrd",
            b"-rom1fs-\0\0\0\0".to_vec(),
            "it is a ROMFS image",
        ),
        ("x.dtb", b"\xd0\x0d\xfe\xed".to_vec(), "it is a device tree"),
        (
            "text",
            b"nothing of that kind\n".repeat(100),
            "it begins with no partition table",
        ),
        ("zeros", vec![0; 4096], "it begins with no partition table"),
        ("table", empty_table, "its partition table has no partition"),
        (
            "cut",
            image[..MIB].to_vec(),
            "its partition table reaches to byte 2097152, 1048576 behind the end of its 1048576; it was cut off",
        ),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let (done, said) = flash(folder.path(), name, "card");
        let said_so =
            said.contains(&format!("{name}: is not a disk image: ")) && said.contains(wanted);
        assert!(!done && said_so, "{name}: {said}");
        assert!(
            fs::read(folder.path().join("card")).unwrap() == card,
            "{name}"
        );
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).expect("room");
    writer.finish().expect("room")
}

#[test]
fn a_compressed_image_is_written_as_what_is_in_it() {
    let (folder, image) = image();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("x.img.gz"), gzip(&image)).unwrap();
    fs::write(path("card"), "").unwrap();
    let (done, said) = flash(folder.path(), "x.img.gz", "card");
    let wanted = "2097152 bytes written, read back and equal";
    assert!(done && said.contains(wanted), "{said}");
    assert!(fs::read(path("card")).unwrap() == image);
    // The map beside it is of the image within: one of format 1.2, which has no checksums.
    let map = |blocks: &str| {
        format!(
            "<bmap version=\"1.2\"><ImageSize>2097152</ImageSize><BlockSize>4096</BlockSize><BlockMap>\
             <Range>{blocks}</Range></BlockMap></bmap>"
        )
    };
    fs::write(path("x.img.bmap"), map("0-511")).unwrap();
    let (done, said) = flash(folder.path(), "x.img.gz", "card");
    assert!(
        done && said.contains("only the blocks of its map"),
        "{said}"
    );
    fs::write(path("x.img.bmap"), map("0-2")).unwrap();
    let (done, said) = flash(folder.path(), "x.img.gz", "card");
    assert!(
        !done && said.contains("it leaves out what is at offset 0x3000"),
        "{said}"
    );
}

#[test]
fn a_compressed_image_that_is_cut_off_or_damaged_is_never_written() {
    let (folder, image) = image();
    let card = vec![0xa5; 3 * MIB];
    fs::write(folder.path().join("card"), &card).unwrap();
    let whole = gzip(&image);
    let mut changed = whole.clone();
    let last = whole.len() - 6;
    changed[last] ^= 1;
    for (name, bytes, wanted) in [
        (
            "cut.gz",
            whole[..whole.len() / 2].to_vec(),
            "cut off: its gzip stream ends in the middle",
        ),
        ("changed.gz", changed, "its gzip stream is damaged"),
        (
            "x.img.xz",
            b"\xfd7zXZ\0\0\x04 and more".to_vec(),
            "its xz stream is damaged",
        ),
        (
            "x.img.zst",
            b"\x28\xb5\x2f\xfd and more".to_vec(),
            "its zstd stream",
        ),
        (
            "text.gz",
            gzip(b"nothing of that kind"),
            "it begins with no partition table",
        ),
        ("twice.gz", gzip(&whole), "it is gzip-compressed"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let (done, said) = flash(folder.path(), name, "card");
        assert!(!done && said.contains(wanted), "{name}: {said}");
        assert!(
            fs::read(folder.path().join("card")).unwrap() == card,
            "{name}"
        );
    }
}

/// Who is asked must know what is lost, and for what. `script` gives us a terminal to be asked at.
#[test]
fn who_is_asked_is_told_the_image_and_the_medium() {
    let (folder, _) = image();
    let card = vec![0xa5; 3 * MIB];
    for (answer, is_written) in [("no\n", false), ("\n", false), ("yes\n", true)] {
        fs::write(folder.path().join("card"), &card).unwrap();
        let line = format!("{} flash image card", env!("CARGO_BIN_EXE_pagewalk"));
        let mut asked = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux");
        let mut stdout = asked.stdout.take().expect("a pipe");
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"Type yes to go on: ") {
            let count = stdout.read(&mut byte).expect("what it says");
            assert!(count > 0, "{}", String::from_utf8_lossy(&said));
            said.extend(byte);
        }
        let mut stdin = asked.stdin.take().expect("a pipe");
        stdin.write_all(answer.as_bytes()).expect("an answer");
        stdout.read_to_end(&mut said).expect("the rest");
        let done = asked.wait().expect("it ends").success();
        let said = String::from_utf8_lossy(&said);
        for wanted in [
            "image: 2.1 MB (2097152 bytes)",
            "card: a file, 3.1 MB (3145728 bytes)",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert_eq!(done, is_written, "{answer:?}: {said}");
        assert_eq!(
            fs::read(folder.path().join("card")).unwrap() != card,
            is_written
        );
        assert_eq!(said.contains("nothing was written"), !is_written, "{said}");
    }
}
