//! Cards that are wrong in one thing: the played U-Boot says of each what U-Boot says.
//!
//! Each card is a partition of one disk, so that one U-Boot can be asked about many. What is compared are
//! the lines that decide: which files are loaded, which labels are skipped and why, whether a kernel starts.

use std::fs::{self, File};
use std::path::Path;

use machine::{MachineOptions, StrictMachine, boot};
use pack::content::{Content, Extent};
use pack::fat::{FatFile, FatWidth, VolumeWriter};
use pack::gpt::GptEntry;

use crate::board::{UBOOT_PROMPT, UBoot, built};

const SECTOR: u64 = 512;
/// A FAT16 of the smallest size that is one.
pub const PART: u64 = 4 << 20;
const FIRST: u64 = 1 << 20;

const GOOD: &str = "timeout 1\ndefault a\nlabel a\n kernel /Image\n fdt /board.dtb\n";

/// What one card is like.
struct Mutant {
    name: &'static str,
    conf: Option<&'static str>,
    image: fn(&mut Vec<u8>),
    tree: fn(&mut Vec<u8>),
    /// Of the finished FAT.
    volume: fn(&mut Vec<u8>),
}

fn as_it_is(_: &mut Vec<u8>) {}

const fn conf(name: &'static str, conf: &'static str) -> Mutant {
    Mutant {
        name,
        conf: Some(conf),
        image: as_it_is,
        tree: as_it_is,
        volume: as_it_is,
    }
}

const fn image(name: &'static str, image: fn(&mut Vec<u8>)) -> Mutant {
    Mutant {
        image,
        ..conf(name, GOOD)
    }
}

const fn tree(name: &'static str, tree: fn(&mut Vec<u8>)) -> Mutant {
    Mutant {
        tree,
        ..conf(name, GOOD)
    }
}

const fn volume(name: &'static str, volume: fn(&mut Vec<u8>)) -> Mutant {
    Mutant {
        volume,
        ..conf(name, GOOD)
    }
}

const TWO: &str =
    "label a\n kernel /none\n fdt /board.dtb\nlabel b\n kernel /Image\n fdt /board.dtb\n";

/// In the order that leaves U-Boot at its prompt for longest: those that start a kernel come last.
#[rustfmt::skip]
fn mutants() -> Vec<Mutant> {
    vec![
        conf("the kernel is not there", "label a\n kernel /none\n fdt /board.dtb\n"),
        conf("the tree is not there", "label a\n kernel /Image\n fdt /none\n"),
        conf("lines end as on DOS", "label a\r\n kernel /Image\r\n fdt /board.dtb\r\n"),
        conf("a blank follows the path", "label a\n kernel /Image \n fdt /board.dtb\n"),
        conf("a keyword has no value", "label a\n kernel\n fdt /board.dtb\n"),
        conf("a word is unknown and a later value is missing", "colour blue\nlabel a\n kernel\n fdt /board.dtb\n"),
        conf("a tree is named twice", "label a\n kernel /none\n fdt /board.dtb\n fdt\n"),
        conf("a keyword is misspelt", "label a\n kernal /Image\n fdt /board.dtb\n"),
        conf("there is no label", "default a\nkernel /Image\n"),
        conf("the label has no kernel", "label a\n fdt /board.dtb\n"),
        conf("the kernel is a folder", "label a\n kernel /extlinux\n fdt /board.dtb\n"),
        image("the magic is damaged", |image| image[0x38] ^= 1),
        image("image_size is zero", |image| image[0x10..0x18].fill(0)),
        tree("the tree's magic is damaged", |tree| tree[0] ^= 1),
        conf("all is right", GOOD),
        conf("the path is relative", "label a\n kernel ../Image\n fdt ../board.dtb\n"),
        conf("the path is in capitals", "LABEL a\n LINUX /IMAGE\n DEVICETREE /BOARD.DTB\n"),
        conf("the default is no label", "default x\nlabel a\n kernel /Image\n fdt /board.dtb\n"),
        conf("comments and tabs", "# a card\n\tlabel a\n\t\tkernel\t/Image # no comment\n fdt /board.dtb\nlabel b\n kernel /Image\n fdt /board.dtb"),
        conf("the first label fails and the second does not", TWO),
        conf("the default is the second", "default b\nlabel a\n kernel /none\nlabel b\n kernel /Image\n fdt /board.dtb\n"),
        conf("an unknown word stands at the top", "colour blue\nlabel a\n kernel /Image\n fdt /board.dtb\n append x=1\n"),
        image("the old magic is missing", |image| image[0x30..0x38].fill(0)),
        volume("the volume has no signature", |volume| volume[0x1fe..0x200].fill(0)),
        volume("the volume's first sector is zeros", |volume| volume[..0x200].fill(0)),
        volume("the type FAT16 is misspelt", |volume| volume[0x36..0x3b].copy_from_slice(b"fat16")),
        volume("the second copy of the FAT is damaged", |volume| {
            let copy = usize::from(u16::from_le_bytes([volume[0x16], volume[0x17]])) * 512;
            let reserved = usize::from(u16::from_le_bytes([volume[0x0e], volume[0x0f]])) * 512;
            volume[reserved + copy..reserved + 2 * copy].fill(0);
        }),
    ]
}

/// A kernel that stays where it is.
fn kernel() -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[..4].copy_from_slice(&0x6fu32.to_le_bytes());
    image[0x08..0x10].copy_from_slice(&0x20_0000u64.to_le_bytes());
    image[0x10..0x18].copy_from_slice(&4096u64.to_le_bytes());
    image[0x20..0x24].copy_from_slice(&2u32.to_le_bytes());
    image[0x30..0x3c].copy_from_slice(b"RISCV\0\0\0RSC\x05");
    image
}

/// What stands on a card.
pub struct Contents {
    pub conf: Option<String>,
    pub image: Vec<u8>,
    pub tree: Vec<u8>,
}

impl Default for Contents {
    fn default() -> Contents {
        Contents {
            conf: None,
            image: kernel(),
            tree: fs::read(built("images/ox64.dtb")).expect("the tree"),
        }
    }
}

/// The bytes of a mutant's FAT.
fn fat_of(mutant: &Mutant) -> Vec<u8> {
    let mut contents = Contents {
        conf: mutant.conf.map(str::to_owned),
        ..Contents::default()
    };
    (mutant.image)(&mut contents.image);
    (mutant.tree)(&mut contents.tree);
    let mut bytes = fat(&contents);
    (mutant.volume)(&mut bytes);
    bytes
}

/// The bytes of a FAT with these files.
pub fn fat(contents: &Contents) -> Vec<u8> {
    let file = |path: &str, bytes: &[u8]| FatFile {
        path: path.to_owned(),
        content: Content::bytes(bytes.to_vec()),
    };
    let mut files = vec![
        file("/Image", &contents.image),
        file("/board.dtb", &contents.tree),
    ];
    if let Some(conf) = &contents.conf {
        files.push(file("/extlinux/extlinux.conf", conf.as_bytes()));
    }
    let writer = VolumeWriter {
        name: "boot",
        width: FatWidth::Fat16,
        start: 0,
        size: PART,
        label: "CARD",
        files: &files,
    };
    let made = pack::fat::build(&writer).expect("a volume");
    let mut bytes = vec![0; PART as usize];
    for Extent { at, content } in made.extents {
        let at = at as usize;
        match content {
            Content::Bytes(from) => bytes[at..at + from.len()].copy_from_slice(&from),
            Content::Zeros(count) => bytes[at..at + count as usize].fill(0),
            other => panic!("a volume of a test is in memory: {other:?}"),
        }
    }
    bytes
}

/// A disk with a partition for each volume, of which one is marked to boot from.
fn disk(path: &Path, volumes: &[Vec<u8>], bootable: usize) {
    let entries: Vec<GptEntry> = (0..volumes.len())
        .map(|at| GptEntry {
            name: format!("p{at}"),
            start: (FIRST + at as u64 * PART) / SECTOR,
            sectors: PART / SECTOR,
            bootable: at == bootable,
        })
        .collect();
    let size = FIRST * 2 + volumes.len() as u64 * PART;
    let (front, back) = pack::gpt::encode(&[7; 32], size / SECTOR, &entries);
    let mut bytes = vec![0; size as usize];
    bytes[..front.len()].copy_from_slice(&front);
    bytes[size as usize - back.len()..].copy_from_slice(&back);
    for (at, volume) in volumes.iter().enumerate() {
        let at = (FIRST + at as u64 * PART) as usize;
        bytes[at..at + volume.len()].copy_from_slice(volume);
    }
    fs::write(path, bytes).expect("a file");
}

/// Beginnings of the lines that decide.
const DECIDING: &[&str] = &[
    "Retrieving file: ",
    "Skipping ",
    "No kernel given",
    "Ignoring unknown command",
    "Error parsing config file",
    "Bad Linux RISCV Image magic",
    "Image lacks image_size",
    STARTS,
];

/// What a U-Boot says last.
const STARTS: &str = "Starting kernel ...";

/// The lines that decide, of what was said.
pub fn deciding<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines = lines.map(str::trim_end);
    let decides = |line: &&str| DECIDING.iter().any(|begin| line.starts_with(begin));
    lines.filter(decides).map(str::to_owned).collect()
}

/// What the played one says of a card, and whether a kernel starts.
pub fn said_here(path: &Path) -> (Vec<String>, bool) {
    let board = boards::by_name("ox64").expect("the board");
    let mut machine = StrictMachine::new(&board, MachineOptions::default());
    let card = File::open(path).expect("the card");
    let (said, starts) = match boot(&mut machine, &board, &card, path, None) {
        Ok(booted) => (booted.said, true),
        Err(error) => (error.said, false),
    };
    (deciding(said.iter().map(String::as_str)), starts)
}

/// The same of a card that is only this volume.
fn ours(folder: &Path, volume: &[u8]) -> (Vec<String>, bool) {
    let path = folder.join("one");
    disk(&path, &[volume.to_vec()], 0);
    said_here(&path)
}

/// A FAT with this extlinux.conf, and a kernel and a tree that are right.
pub fn fat_with(conf: &str) -> Vec<u8> {
    fat(&Contents {
        conf: Some(conf.to_owned()),
        ..Contents::default()
    })
}

/// What differs between U-Boot and the played one, of cards with these names.
pub fn differences(names: &[String], volumes: &[Vec<u8>]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("all");
    disk(&path, volumes, 0);
    let mut uboot = None;
    let mut wrong = String::new();
    for (at, (name, volume)) in names.iter().zip(volumes).enumerate() {
        let (ours, _) = ours(folder.path(), volume);
        let asked: &mut UBoot = uboot.get_or_insert_with(|| UBoot::start(&path));
        let number = at + 1;
        let command = format!(
            "if test -e virtio 0:{number:x} /extlinux/extlinux.conf; then sysboot virtio 0:{number:x} any ${{scriptaddr}} /extlinux/extlinux.conf; fi"
        );
        asked.type_line(&command);
        // Its echo.
        asked.expect("\n");
        let (end, mut said) = asked.expect_any(&[STARTS, UBOOT_PROMPT]);
        if end == STARTS {
            said += STARTS;
            uboot = None;
        }
        let theirs = deciding(said.lines());
        if ours != theirs {
            wrong += &format!("\n{name}\nU-Boot: {theirs:#?}\nours: {ours:#?}\n{said}");
        }
    }
    wrong
}

#[test]
fn a_wrong_card_gets_the_verdict_that_u_boot_gives() {
    let mutants = mutants();
    assert!(mutants.len() >= 20);
    let names: Vec<String> = mutants.iter().map(|it| it.name.to_owned()).collect();
    let volumes: Vec<Vec<u8>> = mutants.iter().map(fat_of).collect();
    let wrong = differences(&names, &volumes);
    assert!(wrong.is_empty(), "{wrong}");
}
