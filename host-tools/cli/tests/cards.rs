//! Cards of every kind, read by other people's tools; and other people's, read by ours.

#[path = "proof/card.rs"]
mod card;
#[path = "board/inputs.rs"]
mod inputs;
#[path = "proof/tools.rs"]
mod tools;

use std::fs;
use std::path::Path;
use std::process::Command;

use card::Card;
use inputs::built;
use tools::{path, tool};

/// A definition of one partition, with files whose names a FAT must work for.
fn definition(folder: &Path, table: &str, fat: &str) -> String {
    let from = path(&folder.join("file")).to_owned();
    let file = |to: &str| format!("[[partition.file]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    let files = ["/A.TXT", "/a much longer name.text", "/sub/deep/über.txt"].map(file);
    let (kernel, initrd) = (
        built("board-side/riscv64gc-unknown-none-elf/board/kernel"),
        built("images/initrd.romfs"),
    );
    format!(
        "board = \"qemu-virt\"\nsize = \"64MiB\"\ntable = \"{table}\"\n\
         [payload]\nkernel = \"{}\"\ninitrd = \"{}\"\n\
         [[partition]]\nname = \"boot\"\nfat = \"{fat}\"\nstart = \"1MiB\"\nsize = \"48MiB\"\n\
         bootable = true\nlabel = \"CARD\"\npayload = \"/Image\"\n{}\
         [partition.extlinux]\nlabel = \"Pagewalk\"\nkernel = \"/Image\"\n",
        path(&kernel),
        path(&initrd),
        files.concat()
    )
}

fn pagewalk(folder: &Path, words: &[&str]) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("our program runs");
    let said = [run.stdout, run.stderr].concat();
    (
        run.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn every_table_and_width_is_what_others_expect_and_the_same_twice() {
    for (table, label, kind) in [("mbr", "dos", ""), ("gpt", "gpt", "EBD0A0A2")] {
        for fat in ["fat16", "fat32"] {
            let folder = tempfile::tempdir().unwrap();
            let content: Vec<u8> = (0..100_000u32).map(|at| (at / 3) as u8).collect();
            fs::write(folder.path().join("file"), &content).unwrap();
            let text = definition(folder.path(), table, fat);
            fs::write(folder.path().join("card.toml"), text).unwrap();
            for image in ["card", "again"] {
                let words = ["image", "build", "card.toml", "-o", image];
                let (done, said) = pagewalk(folder.path(), &words);
                assert!(done, "{table} {fat}: {said}");
            }
            let image = folder.path().join("card");
            let again = fs::read(folder.path().join("again")).unwrap();
            assert!(fs::read(&image).unwrap() == again, "{table} {fat}");
            let map = |image: &str| fs::read(folder.path().join(image)).unwrap();
            assert!(map("card.bmap") == map("again.bmap"));

            let card = Card::open(&image);
            assert_eq!((&*card.label, card.bootable), (label, true));
            assert!(card.kind.starts_with(kind));
            assert_eq!((card.start, card.size), (1 << 20, 48 << 20));
            card.check();
            let built = fs::read(built("images/Image")).unwrap();
            assert!(card.read("/Image") == built);
            for name in ["/A.TXT", "/a much longer name.text"] {
                assert!(card.read(name) == content, "{name}");
            }
            assert_eq!(card.files().len(), 5, "{:?}", card.files());
            let words = ["image", "inspect", "card", "--board", "qemu-virt"];
            let (good, said) = pagewalk(folder.path(), &words);
            assert!(
                good && said.contains("/sub/deep/über.txt") && said.contains("will boot it"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_card_of_other_peoples_tools_is_read_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let table = b"start=2048, type=c, bootable\n";
    tool("sfdisk", &["-q", path(&image)], table);
    let blocks = (63 << 10).to_string();
    tool(
        "mkfs.vfat",
        &[
            "-F",
            "32",
            "-s",
            "1",
            "--offset",
            "2048",
            path(&image),
            &blocks,
        ],
        b"",
    );
    let at = format!("{}@@1M", path(&image));
    let inspect = || {
        let words = ["image", "inspect", "card", "--board", "ox64"];
        pagewalk(folder.path(), &words)
    };
    let (good, said) = inspect();
    assert!(
        !good && said.contains("has no extlinux/extlinux.conf"),
        "{said}"
    );

    fs::write(
        folder.path().join("extlinux.conf"),
        "label a\n kernel ../Image\n",
    )
    .unwrap();
    tool("mmd", &["-i", &at, "::/extlinux"], b"");
    let conf = folder.path().join("extlinux.conf");
    tool("mcopy", &["-i", &at, path(&conf), "::/extlinux/"], b"");
    let (good, said) = inspect();
    assert!(
        !good && said.contains("kernel /Image is not on partition 1"),
        "{said}"
    );

    tool(
        "mcopy",
        &["-i", &at, path(&built("images/Image")), "::/Image"],
        b"",
    );
    let (good, said) = inspect();
    assert!(!good && said.contains("has no FDT line"), "{said}");
    assert!(said.contains("initrd (ROMFS)"), "{said}");
    let words = ["image", "inspect", "card"];
    let (good, said) = pagewalk(folder.path(), &words);
    assert!(good, "{said}");
}
