//! Errors that used to say something else than what was wrong.

#[path = "board/inputs.rs"]
mod inputs;
#[path = "proof/tools.rs"]
mod tools;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use inputs::built;
use tools::{path, tool};

const PAGEWALK: &str = env!("CARGO_BIN_EXE_pagewalk");

/// Exit code, and everything that it says.
fn pagewalk(folder: &Path, words: &[&str]) -> (i32, String) {
    let run = Command::new(PAGEWALK)
        .args(words)
        .current_dir(folder)
        .output()
        .expect("our program runs");
    let said = [run.stdout, run.stderr].concat();
    let code = run.status.code().expect("it ends by itself");
    (code, String::from_utf8_lossy(&said).into_owned())
}

fn definition(folder: &Path, size: &str, partition: &str) {
    let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    let initrd = built("images/initrd.romfs");
    let text = format!(
        "board = \"qemu-virt\"\nsize = \"{size}\"\ntable = \"mbr\"\n\
         [payload]\nkernel = \"{}\"\ninitrd = \"{}\"\n\
         [[partition]]\nname = \"boot\"\nfat = \"fat16\"\n{partition}\n\
         bootable = true\nlabel = \"CARD\"\npayload = \"/Image\"\n",
        path(&kernel),
        path(&initrd)
    );
    fs::write(folder.join("card.toml"), text).expect("a file");
}

/// `needs 1048576 bytes, has 1048576` is no reason.
#[test]
fn what_needs_room_needs_more_than_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for size in ["512", "1MiB", "1049088", "2MiB", "16MiB"] {
        for partition in [
            "start = \"1MiB\"",
            "start = \"2MiB\"",
            "start = \"1MiB\"\nsize = \"15MiB\"",
            "start = \"1MiB\"\nsize = \"16MiB\"",
            "start = \"16MiB\"\nsize = \"512\"",
        ] {
            definition(folder.path(), size, partition);
            let words = ["image", "build", "card.toml", "-o", "card.img"];
            let (code, said) = pagewalk(folder.path(), &words);
            if code == 0 {
                continue;
            }
            seen += 1;
            let number = |after: &str| -> Option<u64> {
                let rest = said.split_once(after)?.1;
                rest.split(|it: char| !it.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            };
            // `FAT16, which has 3MiB` is another sentence.
            let (needs, has) = (number("needs "), number(" bytes, has "));
            assert_eq!(needs.is_some(), has.is_some(), "{said}");
            assert!(
                needs.zip(has).is_none_or(|(needs, has)| needs > has),
                "{said}"
            );
        }
    }
    assert!(seen > 10, "only {seen} were refused");
    definition(folder.path(), "1MiB", "start = \"1MiB\"");
    let words = ["image", "build", "card.toml", "-o", "card.img"];
    let (_, said) = pagewalk(folder.path(), &words);
    assert!(
        said.contains("nothing is left for it; raise the image's `size`"),
        "{said}"
    );
}

/// The board's file lies beside the definition, wherever the program runs.
#[test]
fn an_image_may_name_a_file_as_its_board() {
    let folder = tempfile::tempdir().expect("a folder");
    definition(folder.path(), "32M", "start = \"1M\"");
    let card = folder.path().join("card.toml");
    let text = fs::read_to_string(&card).expect("it was written");
    let text = text.replace("\"qemu-virt\"", "\"./my.toml\"");
    fs::write(&card, &text).expect("a file");
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let board = fs::read_to_string(format!("{captures}/fpga.toml")).expect("a board's file");
    let image = folder.path().join("card.img");
    let build = |board: &str| {
        fs::write(folder.path().join("my.toml"), board).expect("a file");
        let words = ["image", "build", path(&card), "-o", path(&image)];
        pagewalk(Path::new(captures), &words)
    };
    let (code, said) = build(&board);
    assert_eq!(code, 0, "{said}");
    let (code, said) = build(&board.replace("\"32M\"", "\"4K\""));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the Image for My FPGA") && said.contains("has 4096"),
        "{said}"
    );
    let (_, said) = build(&board.replace("irq =", "irk ="));
    assert!(said.contains("my.toml:19:1: unknown field `irk`"), "{said}");
    fs::remove_file(folder.path().join("my.toml")).expect("it was there");
    let words = ["image", "build", path(&card), "-o", path(&image)];
    let (_, said) = pagewalk(Path::new(captures), &words);
    assert!(
        said.contains("card.toml:1:9: cannot read the board's file"),
        "{said}"
    );
}

/// Errors name the file and not the program's buffer.
#[test]
fn a_file_that_ends_too_early_is_said_in_its_own_words() {
    let folder = tempfile::tempdir().expect("a folder");
    definition(folder.path(), "32MiB", "start = \"1MiB\"");
    let words = ["image", "build", "card.toml", "-o", "card.img"];
    assert_eq!(pagewalk(folder.path(), &words).0, 0);
    let whole = fs::read(folder.path().join("card.img")).expect("the card");
    let image = built("images/Image");
    let elf = fs::read(built("board-side/riscv64gc-unknown-none-elf/board/kernel")).expect("it");
    let initrd = path(&built("images/initrd.romfs")).to_owned();
    for bytes in [
        0,
        1,
        63,
        64,
        511,
        512,
        513,
        1 << 20,
        (1 << 20) + 512,
        (1 << 20) + 70_000,
        2 << 20,
    ] {
        fs::write(folder.path().join("cut"), &whole[..bytes]).expect("a file");
        fs::write(folder.path().join("elf"), &elf[..bytes.min(elf.len())]).expect("a file");
        fs::write(folder.path().join("used"), "").expect("a file");
        for words in [
            &["image", "inspect", "cut"][..],
            &["image", "swap-kernel", path(&image), "cut"],
            &["image", "swap-kernel", "cut", "cut"],
            &["flash", "cut", "used", "--yes"],
            &["romfs", "ls", "cut"],
            &["romfs", "check", "cut"],
            &["image", "glue", "elf", "--initrd", &initrd, "-o", "out"],
            &["image", "glue", "cut", "--initrd", "cut", "-o", "out"],
            &["map", "--from", "cut", "--satp", "0x8000000000080000"],
            &["faults", "cut"],
            &["replay", "cut"],
        ] {
            let (_, said) = pagewalk(folder.path(), words);
            for wrong in [
                "fill whole buffer",
                "valid UTF-8",
                "write whole buffer",
                "panicked",
            ] {
                assert!(!said.contains(wrong), "{words:?} of {bytes} bytes: {said}");
            }
        }
    }
}

#[test]
fn a_volume_without_a_table_is_not_taken_for_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let volume = folder.path().join("volume");
    for (kind, bytes, name) in [("12", 1_440 << 10, "FAT12"), ("12", 8 << 20, "FAT12")] {
        let _ = fs::remove_file(&volume);
        File::create(&volume)
            .expect("a file")
            .set_len(bytes)
            .expect("room");
        tool("mkfs.vfat", &["-F", kind, path(&volume)], b"");
        let (code, said) = pagewalk(folder.path(), &["image", "inspect", "volume"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&format!("is a {name} volume")), "{said}");
        assert!(!said.contains("MBR"), "{said}");
    }
    // exFAT and NTFS end their first sector in the same two bytes.
    for (name, kind) in [(b"EXFAT   ", "exFAT"), (b"NTFS    ", "NTFS")] {
        let file = File::create(&volume).expect("a file");
        file.set_len(1 << 20).expect("room");
        file.write_all_at(b"\xeb\x76\x90", 0).expect("written");
        file.write_all_at(name, 3).expect("written");
        file.write_all_at(&[0x55, 0xaa], 510).expect("written");
        let (code, said) = pagewalk(folder.path(), &["image", "inspect", "volume"]);
        assert!(
            code == 1 && said.contains(&format!("is a {kind} volume")),
            "{said}"
        );
    }
}

/// What `check` calls good, `build` could have made; and what `build` makes is good.
#[test]
fn romfs_check_is_as_strict_as_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("a folder");
    fs::write(tree.join("n".repeat(127)), "long").expect("a file");
    fs::write(tree.join("short"), "short").expect("a file");
    let build = ["romfs", "build", "tree", "-o", "good"];
    assert_eq!(pagewalk(folder.path(), &build).0, 0);
    assert_eq!(pagewalk(folder.path(), &["romfs", "check", "good"]).0, 0);
    // Another name of the same length, twice in one directory; and one with a `/`.
    let good = fs::read(folder.path().join("good")).expect("the image");
    let at = good
        .windows(6)
        .position(|it| it == b"short\0")
        .expect("the name");
    let other = {
        fs::rename(tree.join("short"), tree.join("shirt")).expect("another name");
        assert_eq!(
            pagewalk(folder.path(), &["romfs", "build", "tree", "-o", "other"]).0,
            0
        );
        fs::read(folder.path().join("other")).expect("the image")
    };
    assert_eq!(good.len(), other.len());
    assert_eq!(&other[at..at + 5], b"shirt");
    // A folder too deep for readers is refused when the image is made, not when it is read.
    let mut deep = folder.path().join("deep");
    for _ in 0..64 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).expect("folders");
    let (code, said) = pagewalk(folder.path(), &["romfs", "build", "deep", "-o", "out"]);
    assert!(code == 1 && said.contains("folders deep"), "{said}");
    fs::remove_dir(&deep).expect("the last one");
    let (code, said) = pagewalk(folder.path(), &["romfs", "build", "deep", "-o", "out"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = pagewalk(folder.path(), &["romfs", "check", "out"]);
    assert_eq!(code, 0, "{said}");
    let cut = &good[..good.len() - 100];
    fs::write(folder.path().join("cut"), cut).expect("a file");
    let (code, said) = pagewalk(folder.path(), &["romfs", "check", "cut"]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn extract_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("a folder");
    tool("mkfifo", &[path(&tree.join("pipe"))], b"");
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).expect("a socket");
    fs::write(tree.join("file"), "bytes").expect("a file");
    let build = ["romfs", "build", "tree", "-o", "image"];
    assert_eq!(pagewalk(folder.path(), &build).0, 0);
    let (code, said) = pagewalk(folder.path(), &["romfs", "extract", "image", "-o", "back"]);
    assert_eq!(code, 0, "{said}");
    for wanted in [
        "pipe was left out: a pipe",
        "socket was left out: a socket",
        "back: 1 file\n",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

/// The commands of this program, those below others too, from its own help.
fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(words) = open.pop() {
        let run = Command::new(PAGEWALK).args(&words).arg("--help").output();
        let help = String::from_utf8(run.expect("it runs").stdout).expect("text");
        let list = help
            .split_once("\nCommands:\n")
            .map_or("", |(_, rest)| rest);
        let list = list.split_once("\n\n").map_or(list, |(list, _)| list);
        for line in list
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        {
            let name = line.split_whitespace().next().expect("a name");
            if name != "help" {
                open.push(words.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        found.push(words);
    }
    found
}

/// `pagewalk … 2>&1 | head` ends before anything is said. Every command is run with nothing, with `--help` and
/// with a file that is none, with both outputs closed from the beginning.
#[test]
fn closed_outputs_are_no_panic_in_any_command() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("none"), "nothing of that kind\n").expect("a file");
    let commands = commands();
    assert!(commands.len() > 30, "only {} commands", commands.len());
    for words in &commands {
        for more in [
            &[][..],
            &["--help"],
            &["none"],
            &["none", "none"],
            &["none", "-o", "out"],
        ] {
            let mut command = Command::new("timeout");
            command.arg("60").arg(PAGEWALK).args(words).args(more);
            command.current_dir(folder.path()).stdin(Stdio::null());
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let both = writer.try_clone().expect("a pipe");
            let status = command
                .stdout(writer)
                .stderr(both)
                .status()
                .expect("it runs");
            let code = status.code();
            assert!(matches!(code, Some(0..=2)), "{words:?} {more:?}: {status}");
        }
    }
}

/// With an answer on stdout and notes on stderr, both into one closed pipe, it is a normal end.
#[test]
fn both_outputs_into_head_is_a_normal_end() {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let linux = "linux-sv39/pagetables.core --satp 0x80033000000830ca";
    for line in [
        format!("map --from {linux}"),
        format!("map --from {linux} --format csv"),
        format!("lint --from {linux}"),
        format!("stats --from {linux}"),
        format!("find 0x80000000 --from {linux}"),
        format!("walk 0xffffffff80000000 --from {linux}"),
        "faults pagewalk-line.bin".to_owned(),
        "faults pagewalk-line.bin --format json".to_owned(),
        "dash run.pwlog@max".to_owned(),
        "replay run.pwlog --speed max".to_owned(),
        "decode satp 0x8000000000050407".to_owned(),
        "explain crash.txt".to_owned(),
        "completions bash".to_owned(),
        "completions zsh".to_owned(),
        "diff before.json after.json".to_owned(),
    ] {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let both = writer.try_clone().expect("a pipe");
        let mut command = Command::new(PAGEWALK);
        command
            .args(line.split(' '))
            .current_dir(captures)
            .stdin(Stdio::null());
        let mut child = command
            .stdout(writer)
            .stderr(both)
            .spawn()
            .expect("it runs");
        drop(command);
        let mut byte = [0];
        let _ = reader.read(&mut byte).expect("a byte or the end");
        drop(reader);
        let status = child.wait().expect("it ends");
        assert!(matches!(status.code(), Some(0 | 1)), "{line}: {status}");
        assert_ne!(status.code(), Some(101), "{line}");
    }
    // And onto a full device, where notes are lost and nothing else.
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut child = Command::new(PAGEWALK)
        .args(["faults", "pagewalk-line.bin"])
        .current_dir(captures)
        .stdout(Stdio::piped())
        .stderr(full)
        .spawn()
        .expect("it runs");
    let mut answer = Vec::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_end(&mut answer).expect("the answer");
    assert!(child.wait().expect("it ends").success() && answer.len() > 100);
    let _ = std::io::stdout().flush();
}

/// A `--board` that is ignored must be reported: the user assumes that it was used.
#[test]
fn a_board_of_which_nothing_is_used_is_said() {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let said = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        pagewalk(Path::new(captures), &words)
    };
    let sv32 = "stats --from nuttx-sv32/pagetables.core --satp 0x80080a1f --xlen 32";
    let (code, with) = said(&format!("{sv32} --board ox64"));
    assert!(
        code == 0 && with.contains("nothing of --board ox64 is used: it has 64 bits"),
        "{with}"
    );
    let (_, without) = said(sv32);
    assert!(
        with.ends_with(&without) || with.contains(&without),
        "{with}\n{without}"
    );
    let (code, with) = said(&format!("{sv32} --board qemu-virt-rv32"));
    assert!(code == 0 && !with.contains("nothing of"), "{with}");
}
