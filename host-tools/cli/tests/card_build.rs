//! The build that makes cards alone, beside the one that has everything: the same cards, and no riddles.

#[path = "board/inputs.rs"]
mod inputs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inputs::built;

const EVERYTHING: &str = env!("CARGO_BIN_EXE_pagewalk");

/// What `just image` builds its cards with.
#[track_caller]
fn card_tool() -> PathBuf {
    built("card/card/pagewalk")
}

fn run(program: &Path, folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder);
    command.output().expect("the program runs")
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

#[test]
fn both_builds_make_the_same_card() {
    let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    let kernel = kernel.to_str().expect("UTF-8");
    let mut made: Vec<Vec<(String, Vec<u8>)>> = Vec::new();
    for tool in [Path::new(EVERYTHING), &card_tool()] {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).expect("a folder");
        let noise: Vec<u8> = (0..3_000_000u32)
            .map(|at| (at.wrapping_mul(at) >> 9) as u8)
            .collect();
        fs::write(tree.join("noise"), noise).expect("a file");
        fs::write(folder.path().join("file"), "of a partition").expect("a file");
        for (table, fat) in [("mbr", "fat16"), ("gpt", "fat32")] {
            let text = format!(
                "board = \"ox64\"\nsize = \"64MiB\"\ntable = \"{table}\"\n\
                 [payload]\nkernel = \"{kernel}\"\ninitrd = \"initrd\"\n\
                 [[partition]]\nname = \"boot\"\nfat = \"{fat}\"\nstart = \"1MiB\"\nsize = \"48MiB\"\n\
                 bootable = true\nlabel = \"CARD\"\npayload = \"/Image\"\n\
                 [[partition.file]]\nfrom = \"file\"\nto = \"/a long name.txt\"\n\
                 [partition.extlinux]\nlabel = \"Pagewalk\"\nkernel = \"/Image\"\n"
            );
            fs::write(folder.path().join(format!("{table}.toml")), text).expect("a file");
        }
        for words in [
            &["romfs", "build", "tree", "-o", "initrd", "--align", "4096"][..],
            &["image", "glue", kernel, "--initrd", "initrd", "-o", "Image"],
            &["image", "build", "mbr.toml", "-o", "mbr.img"],
            &["image", "build", "gpt.toml", "-o", "gpt.img"],
            &[
                "image", "inspect", "mbr.img", "--board", "ox64", "--format", "json",
            ],
        ] {
            let run = run(tool, folder.path(), words);
            // The board's tree is not on it, which is a problem of the card that both must see.
            assert!(
                run.status.success() || words[1] == "inspect",
                "{words:?}: {}",
                said(&run)
            );
            fs::write(folder.path().join(words[1]), run.stdout).expect("what it answered");
        }
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                (name, fs::read(&path).expect("a file"))
            })
            .collect();
        files.sort();
        made.push(files);
    }
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&made[0]), names(&made[1]));
    for (one, other) in made[0].iter().zip(&made[1]) {
        assert!(one == other, "{} differs", one.0);
    }
    for name in [
        "mbr.img",
        "mbr.img.bmap",
        "mbr.img.sha256",
        "gpt.img",
        "Image",
        "initrd",
    ] {
        assert!(
            made[0]
                .iter()
                .any(|(it, bytes)| it == name && !bytes.is_empty()),
            "{name}"
        );
    }
}

#[test]
fn other_verbs_of_the_card_build_say_what_brings_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = run(Path::new(EVERYTHING), folder.path(), &["--help"]).stdout;
    let help = String::from_utf8(help).expect("text");
    let list = help.split_once("\nCommands:\n").expect("a list").1;
    let verbs: Vec<&str> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    let (mut there, mut elsewhere) = (0, 0);
    for verb in verbs {
        for more in [&[][..], &["--help"], &["x", "--from", "y"]] {
            let run = run(&card_tool(), folder.path(), &[&[verb], more].concat());
            let said = said(&run);
            if ["board", "romfs", "image", "flash"].contains(&verb) {
                there += 1;
                assert!(!said.contains("just install"), "{verb} {more:?}: {said}");
            } else {
                elsewhere += 1;
                assert_eq!(run.status.code(), Some(1), "{verb} {more:?}: {said}");
                assert!(
                    said.contains("built for cards only: just install"),
                    "{verb}: {said}"
                );
            }
        }
    }
    assert!(there == 12 && elsewhere > 50, "{there} {elsewhere}");
}
