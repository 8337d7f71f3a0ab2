//! `pagewalk romfs` beside genromfs, and what it refuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Runs our program in a folder: its exit code, stdout and stderr.
fn pagewalk(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("our program runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    let code = run.status.code().expect("it ends by itself");
    (code, text(run.stdout), text(run.stderr))
}

fn build(folder: &Path, tree: &str, image: &str) {
    let words = ["romfs", "build", tree, "-o", image, "--label", "rom"];
    let (code, _, said) = pagewalk(folder, &words);
    assert_eq!(code, 0, "{said}");
}

fn genromfs(folder: &Path, tree: &str, image: &str) {
    let run = Command::new("genromfs")
        .args(["-d", tree, "-f", image, "-V", "rom"])
        .current_dir(folder)
        .status();
    let status =
        run.unwrap_or_else(|error| panic!("genromfs: {error}; run `./setup --tests` first"));
    assert!(status.success());
}

/// A tree with everything that needs no rights: programs, links of both kinds, empty things.
fn plant(folder: &Path) {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("bin/deep/deeper")).unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    let data: Vec<u8> = (0..70_001u32).map(|at| (at * 7 / 8) as u8).collect();
    for (name, size, mode) in [
        ("bin/program", 70_001, 0o755),
        ("bin/deep/fifteen-bytes", 15, 0o644),
        ("bin/deep/deeper/sixteen-bytes--", 16, 0o644),
        ("nothing", 0, 0o644),
    ] {
        fs::write(tree.join(name), &data[..size]).unwrap();
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("bin/program", tree.join("link")).unwrap();
    fs::hard_link(tree.join("bin/program"), tree.join("zz-again")).unwrap();
}

/// Unpacks an image and lets diff find what is not as it was.
fn assert_unpacks(folder: &Path, image: &str) {
    let (code, _, said) = pagewalk(folder, &["romfs", "check", image]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = pagewalk(folder, &["romfs", "extract", image, "-o", "back"]);
    assert_eq!(code, 0, "{said}");
    let diff = Command::new("diff")
        .args(["-r", "--no-dereference", "tree", "back"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        diff.status.success(),
        "{}",
        String::from_utf8_lossy(&diff.stdout)
    );
    let mode = fs::metadata(folder.join("back/bin/program"))
        .unwrap()
        .mode_bits();
    assert_eq!(mode & 0o111, 0o111, "a program is executable");
    assert_eq!(
        fs::metadata(folder.join("back/nothing"))
            .unwrap()
            .mode_bits()
            & 0o111,
        0
    );
}

trait ModeBits {
    fn mode_bits(&self) -> u32;
}

impl ModeBits for fs::Metadata {
    fn mode_bits(&self) -> u32 {
        self.permissions().mode()
    }
}

#[test]
fn what_genromfs_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    genromfs(folder.path(), "tree", "theirs");
    assert_unpacks(folder.path(), "theirs");
}

#[test]
fn what_we_write_is_read_and_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    build(folder.path(), "tree", "ours");
    assert_unpacks(folder.path(), "ours");
    build(folder.path(), "tree", "again");
    // The same content elsewhere, put there in another order, at another time.
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for name in ["zz-again", "nothing", "link", "empty", "bin"] {
        let from = format!("tree/{name}");
        let copied = Command::new("cp")
            .args(["-dR", &from, "copy/"])
            .current_dir(folder.path())
            .status();
        assert!(copied.unwrap().success());
    }
    fs::remove_file(copy.join("zz-again")).unwrap();
    fs::hard_link(copy.join("bin/program"), copy.join("zz-again")).unwrap();
    build(folder.path(), "copy", "copied");
    let ours = fs::read(folder.path().join("ours")).unwrap();
    for other in ["again", "copied"] {
        assert!(
            fs::read(folder.path().join(other)).unwrap() == ours,
            "{other}"
        );
    }
}

/// Their order is the disk's, so offsets differ; names, kinds, sizes and the length do not.
#[test]
fn we_write_what_genromfs_writes() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    fs::remove_file(folder.path().join("tree/zz-again")).unwrap();
    build(folder.path(), "tree", "ours");
    genromfs(folder.path(), "tree", "theirs");
    let list = |image| {
        let (code, list, said) = pagewalk(folder.path(), &["romfs", "ls", image]);
        assert_eq!(code, 0, "{said}");
        let mut lines: Vec<String> = list.lines().map(|line| line[10..].to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(list("ours"), list("theirs"));
    let length = |image| fs::read(folder.path().join(image)).unwrap()[8..12].to_owned();
    assert_eq!(length("ours"), length("theirs"));
}

#[test]
fn what_cannot_be_built_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    fs::write(folder.path().join("file"), "no folder").unwrap();
    fs::create_dir(folder.path().join("long")).unwrap();
    fs::write(folder.path().join("long").join("n".repeat(128)), "").unwrap();
    fs::create_dir(folder.path().join("huge")).unwrap();
    let huge = fs::File::create(folder.path().join("huge/sparse")).unwrap();
    huge.set_len(1 << 32).unwrap();
    let label = "l".repeat(128);
    for (words, wanted) in [
        (
            &["missing", "-o", "out"][..],
            "cannot read missing: No such file",
        ),
        (&["file", "-o", "out"], "cannot read file: Not a directory"),
        (
            &["long", "-o", "out"],
            "has 128 bytes; a ROMFS name has 1 to 127",
        ),
        (
            &["huge", "-o", "out"],
            "huge/sparse: has 4294967296 bytes; a ROMFS ends before 4 GiB",
        ),
        (
            &["tree", "-o", "out", "--label", &label],
            "a ROMFS label has at most 127",
        ),
        (
            &["tree", "-o", "out", "--align", "48"],
            "alignment 48 is not a power of two",
        ),
        (
            &["tree", "-o", "tree/out"],
            "lies in the folder that it is made from",
        ),
        (
            &["tree", "-o", "nowhere/out"],
            "cannot create nowhere/out: No such file",
        ),
        (&["tree", "-o", "long"], "is a folder"),
    ] {
        let words = [&["romfs", "build"], words].concat();
        let (code, stdout, said) = pagewalk(folder.path(), &words);
        assert_eq!((code, &*stdout), (1, ""), "{said}");
        assert!(
            said.starts_with("error: ") && said.contains(wanted),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["file", "huge", "long", "tree"]);
    assert!(!folder.path().join("tree/out").exists());
}

#[test]
fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    build(folder.path(), "tree", "ours");
    let ours = fs::read(folder.path().join("ours")).unwrap();
    fs::write(folder.path().join("cut"), &ours[..1000]).unwrap();
    fs::write(folder.path().join("text"), "not an image").unwrap();
    for verb in [&["ls"][..], &["check"], &["extract", "-o", "back"]] {
        for (image, wanted) in [
            ("cut", "it is shorter than it says"),
            ("text", "it does not begin with -rom1fs-"),
            ("missing", "missing: No such file"),
        ] {
            let words = [&["romfs", verb[0], image], &verb[1..]].concat();
            let (code, _, said) = pagewalk(folder.path(), &words);
            assert!(code == 1 && said.contains(wanted), "{words:?}: {said}");
        }
    }
    assert!(!folder.path().join("back").exists());
}

#[test]
fn the_list_says_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("tree/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("sh"), b"\x7fELF and more").unwrap();
    fs::set_permissions(bin.join("sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("bin/sh", folder.path().join("tree/init")).unwrap();
    build(folder.path(), "tree", "ours");
    let (code, list, _) = pagewalk(folder.path(), &["romfs", "ls", "ours"]);
    assert_eq!(code, 0);
    let expected = "    offset       size  name
                       bin/
0x00001000         13  bin/sh*
                       init -> bin/sh
";
    assert_eq!(list, expected);
}
