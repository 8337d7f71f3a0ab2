//! Partition tables that are wrong in one thing: the played U-Boot boots from where U-Boot boots from.
//!
//! Each disk has two partitions, whose extlinux.conf names a kernel that is not there, by the number of its
//! partition: the lines say which ones were tried. U-Boot gets several disks at once; their sizes differ.

use std::fs;
use std::path::{Path, PathBuf};

use pack::gpt::GptEntry;
use pack::mbr::{self, MbrEntry};

use crate::board::UBoot;
use crate::verdicts::{PART, deciding, fat_with, said_here};

const SECTOR: usize = 512;
const FIRST: usize = 1 << 20;
const START: u32 = (FIRST / SECTOR) as u32;
const SECTORS: u32 = (PART as usize / SECTOR) as u32;
/// Bytes of a disk, but for the sectors by which their sizes differ.
const SIZE: usize = FIRST * 2 + 2 * PART as usize;

struct Table {
    name: &'static str,
    is_gpt: bool,
    change: fn(&mut Vec<u8>),
}

const fn mbr_with(name: &'static str, change: fn(&mut Vec<u8>)) -> Table {
    Table {
        name,
        is_gpt: false,
        change,
    }
}

const fn gpt_with(name: &'static str, change: fn(&mut Vec<u8>)) -> Table {
    Table {
        name,
        is_gpt: true,
        change,
    }
}

/// The second entry of an MBR, and the first's.
const TWO: usize = 446 + 16;
const ONE: usize = 446;
/// A GPT's first header.
const HEAD: usize = SECTOR;

fn back(disk: &[u8]) -> usize {
    disk.len() - SECTOR
}

/// Both headers say what their bytes sum up to.
fn resum(disk: &mut [u8], at: usize) {
    disk[at + 16..at + 20].fill(0);
    let sum = crc32fast::hash(&disk[at..at + 92]);
    disk[at + 16..at + 20].copy_from_slice(&sum.to_le_bytes());
}

#[rustfmt::skip]
const TABLES: &[Table] = &[
    mbr_with("an MBR, its second partition active", |_| {}),
    mbr_with("no signature", |disk| disk[511] = 0),
    mbr_with("no partition is active", |disk| disk[TWO] = 0),
    mbr_with("both are active", |disk| disk[ONE] = 0x80),
    mbr_with("a status that is neither 0 nor 0x80", |disk| disk[TWO] = 0x81),
    mbr_with("the active one has no type", |disk| disk[TWO + 4] = 0),
    mbr_with("the type is that of Linux", |disk| disk[TWO + 4] = 0x83),
    mbr_with("the active one starts beyond the card", |disk| disk[TWO + 11] = 0x7f),
    mbr_with("the active one has no sectors", |disk| disk[TWO + 12..TWO + 16].fill(0)),
    mbr_with("the active one starts a sector late", |disk| disk[TWO + 8] += 1),
    mbr_with("the first is not there, and none is active", |disk| {
        disk[ONE..ONE + 16].fill(0);
        disk[TWO] = 0;
    }),
    mbr_with("a protective entry that does not start at 1", |disk| disk[ONE + 4] = mbr::PROTECTIVE),
    mbr_with("a FAT without a table", |disk| disk.copy_within(FIRST..FIRST + PART as usize, 0)),
    gpt_with("a GPT, its second partition bootable", |_| {}),
    gpt_with("no signature before a GPT", |disk| disk[511] = 0),
    gpt_with("no first header", |disk| disk[HEAD] = 0),
    gpt_with("the first header's sum is wrong", |disk| disk[HEAD + 16] ^= 1),
    gpt_with("both headers' sums are wrong", |disk| {
        let back = back(disk);
        disk[HEAD + 16] ^= 1;
        disk[back + 16] ^= 1;
    }),
    gpt_with("the second header's sum is wrong", |disk| {
        let back = back(disk);
        disk[back + 16] ^= 1;
    }),
    gpt_with("the first entries' sum is wrong", |disk| disk[2 * SECTOR + 60] ^= 1),
    gpt_with("the first header names another place", |disk| {
        disk[HEAD + 24] = 7;
        resum(disk, HEAD);
    }),
    gpt_with("the first header's sectors end beyond the card", |disk| {
        disk[HEAD + 52] = 0xff;
        resum(disk, HEAD);
    }),
    gpt_with("no partition is bootable, in either table", |disk| {
        let entries = back(disk) - 32 * SECTOR;
        for (entries, head) in [(2 * SECTOR, HEAD), (entries, back(disk))] {
            disk[entries + 128 + 48] = 0;
            let sum = crc32fast::hash(&disk[entries..entries + 128 * 128]);
            disk[head + 88..head + 92].copy_from_slice(&sum.to_le_bytes());
            resum(disk, head);
        }
    }),
    gpt_with("the first entry is empty, and the second not", |disk| {
        disk[2 * SECTOR..2 * SECTOR + 128].fill(0);
        let sum = crc32fast::hash(&disk[2 * SECTOR..2 * SECTOR + 128 * 128]);
        disk[HEAD + 88..HEAD + 92].copy_from_slice(&sum.to_le_bytes());
        resum(disk, HEAD);
    }),
];

fn disk(table: &Table, number: usize, volumes: &[Vec<u8>; 2]) -> Vec<u8> {
    // The size is the name.
    let mut disk = vec![0; SIZE + (number + 1) * SECTOR];
    for (volume, at) in volumes.iter().zip([FIRST, FIRST + PART as usize]) {
        disk[at..at + volume.len()].copy_from_slice(volume);
    }
    if table.is_gpt {
        let entry = |number: u32| GptEntry {
            name: format!("p{number}"),
            start: (START + number * SECTORS).into(),
            sectors: SECTORS.into(),
            bootable: number == 1,
        };
        let sectors = (disk.len() / SECTOR) as u64;
        let (front, back) = pack::gpt::encode(&[9; 32], sectors, &[entry(0), entry(1)]);
        let end = disk.len() - back.len();
        disk[..front.len()].copy_from_slice(&front);
        disk[end..].copy_from_slice(&back);
    } else {
        let entry = |number: u32| MbrEntry {
            active: number == 1,
            kind: mbr::FAT16_LBA,
            start: START + number * SECTORS,
            sectors: SECTORS,
        };
        disk[..SECTOR].copy_from_slice(&mbr::encode(1, &[entry(0), entry(1)]));
    }
    (table.change)(&mut disk);
    disk
}

/// U-Boot's number of the disk of that many sectors.
fn number(uboot: &mut UBoot, sectors: usize) -> usize {
    let wanted = format!("({sectors} x 512)");
    (0..8)
        .find(|number| {
            uboot.ask(&format!("virtio device {number}"));
            uboot
                .ask("virtio info")
                .split("Device ")
                .any(|device| device.starts_with(&format!("{number}:")) && device.contains(&wanted))
        })
        .unwrap_or_else(|| panic!("no disk of {sectors} sectors: {}", uboot.ask("virtio info")))
}

/// include/config_distro_bootcmd.h, as far as it chooses partitions.
fn said_by(uboot: &mut UBoot, number: usize) -> Vec<String> {
    uboot.ask(&format!("setenv n {number}"));
    uboot.ask("setenv one 'if test -e virtio ${n}:${p} /extlinux/extlinux.conf; then sysboot virtio ${n}:${p} any ${scriptaddr} /extlinux/extlinux.conf; fi'");
    uboot.ask("setenv devplist; part list virtio ${n} -bootable devplist; env exists devplist || setenv devplist 1");
    deciding(uboot.ask("for p in ${devplist}; do run one; done").lines())
}

#[test]
fn a_wrong_partition_table_boots_from_where_u_boot_boots_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let conf = |number: u32| format!("label a\n kernel /from{number}\n fdt /board.dtb\n");
    let volumes = [fat_with(&conf(1)), fat_with(&conf(2))];
    let file = |(number, table): (usize, &Table)| -> PathBuf {
        let path = folder.path().join(format!("{number}"));
        fs::write(&path, disk(table, number, &volumes)).expect("a file");
        path
    };
    let files: Vec<PathBuf> = TABLES.iter().enumerate().map(file).collect();
    let (mut wrong, mut booted) = (String::new(), 0);
    for (few, tables) in files.chunks(8).zip(TABLES.chunks(8)) {
        let paths: Vec<&Path> = few.iter().map(PathBuf::as_path).collect();
        let mut uboot = UBoot::with_disks(&paths);
        for (path, table) in few.iter().zip(tables) {
            let sectors = fs::metadata(path).expect("a file").len() as usize / SECTOR;
            let number = number(&mut uboot, sectors);
            let theirs = said_by(&mut uboot, number);
            let ours = said_here(path).0;
            booted += usize::from(theirs.iter().any(|line| line.ends_with("/from2")));
            if ours != theirs {
                wrong += &format!("\n{}\nU-Boot: {theirs:#?}\nours: {ours:#?}", table.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(booted > 8, "most find the second partition: {booted}");
}
