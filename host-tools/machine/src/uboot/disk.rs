//! The card: which partition U-Boot boots from, and the files of a FAT.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use pack::fat::volume::{DirectoryEntry, FatVolume};
use pack::mbr;

const SECTOR: u64 = mbr::SECTOR;

/// A partition, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardPartition {
    pub number: usize,
    /// Its first byte on the card.
    pub start: u64,
    bootable: bool,
}

/// The partitions that `part list -bootable` names, or the first; U-Boot's distro boot tries these.
///
/// # Errors
///
/// What the card lacks, in words.
pub fn bootable(card: &File) -> Result<Vec<CardPartition>, String> {
    let mut record = [0; SECTOR as usize];
    let sectors = card.metadata().map_or(0, |metadata| metadata.len()) / SECTOR;
    if sectors > 0 {
        card.read_exact_at(&mut record, 0)
            .map_err(|error| format!("cannot be read: {error}"))?;
    }
    // disk/part_efi.c comes first, and takes every card with a protective entry.
    let all = if is_protective(&record) {
        gpt(card, sectors)?
    } else {
        mbr(&record)?
    };
    let marked: Vec<CardPartition> = all.iter().copied().filter(|it| it.bootable).collect();
    if !marked.is_empty() {
        return Ok(marked);
    }
    let first = all.into_iter().find(|it| it.number == 1);
    first.map(|first| vec![first]).ok_or_else(|| {
        "has no partition that is marked to boot from, and no partition 1".to_owned()
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(0, |word| u32::from_le_bytes(*word))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at + 4)) << 32 | u64::from(word(bytes, at))
}

/// Status, type, first sector of each entry of a master boot record.
fn slots(record: &[u8]) -> impl Iterator<Item = (u8, u8, u32)> {
    let slots = (446..510).step_by(16);
    slots.map(|at| (record[at], record[at + 4], word(record, at + 8)))
}

fn is_signed(record: &[u8]) -> bool {
    record.ends_with(&[0x55, 0xaa])
}

/// `is_pmbr_valid`.
fn is_protective(record: &[u8]) -> bool {
    is_signed(record) && slots(record).any(|(_, kind, start)| kind == mbr::PROTECTIVE && start == 1)
}

/// disk/part_dos.c: every status byte is 0 or 0x80; entries are used that have a type. Logical partitions are
/// not looked for.
fn mbr(record: &[u8]) -> Result<Vec<CardPartition>, String> {
    if !is_signed(record) || !slots(record).all(|(status, ..)| status & 0x7f == 0) {
        return Err(
            "has neither an MBR nor a GPT: no partition table is found in its first sector"
                .to_owned(),
        );
    }
    let used = slots(record)
        .enumerate()
        .filter(|(_, (_, kind, _))| *kind != 0);
    let one = |(at, (status, _, start)): (usize, (u8, u8, u32))| CardPartition {
        number: at + 1,
        start: u64::from(start) * SECTOR,
        bootable: status == 0x80,
    };
    Ok(used.map(one).collect())
}

/// The most bytes of a GPT's entries that are read: as many as a table of 2048 has.
const MOST_ENTRIES: u64 = 2048 * 128;

/// `find_valid_gpt`: the first table, or the one at the end of the card.
fn gpt(card: &File, sectors: u64) -> Result<Vec<CardPartition>, String> {
    let last = sectors.saturating_sub(1);
    let first = gpt_at(card, 1, last);
    let why = match first {
        Ok(entries) => return Ok(entries),
        Err(why) => why,
    };
    gpt_at(card, last, last)
        .map_err(|other| format!("has no GPT that U-Boot takes: {why}; at its end: {other}"))
}

/// `validate_gpt_header` and `validate_gpt_entries`.
fn gpt_at(card: &File, at: u64, last: u64) -> Result<Vec<CardPartition>, &'static str> {
    let mut header = [0; SECTOR as usize];
    card.read_exact_at(&mut header, at.saturating_mul(SECTOR))
        .map_err(|_| "it lies beyond the card")?;
    if !header.starts_with(b"EFI PART") {
        return Err("no header is there");
    }
    let size = word(&header, 12) as usize;
    let mut summed = header;
    summed[16..20].fill(0);
    if summed.get(..size).map(crc32fast::hash) != Some(word(&header, 16)) {
        return Err("the header has a wrong checksum");
    }
    if long(&header, 24) != at {
        return Err("the header names another place as its own");
    }
    if long(&header, 40) > last || long(&header, 48) > last {
        return Err("the header names sectors beyond the card");
    }
    let (from, count, bytes) = (long(&header, 72), word(&header, 80), word(&header, 84));
    let length = u64::from(count) * u64::from(bytes);
    if length == 0 || length > MOST_ENTRIES || bytes < 128 {
        return Err("the header names entries of no use");
    }
    let mut array = vec![0; length as usize];
    card.read_exact_at(&mut array, from.saturating_mul(SECTOR))
        .map_err(|_| "the entries lie beyond the card")?;
    if crc32fast::hash(&array) != word(&header, 88) {
        return Err("the entries have a wrong checksum");
    }
    // U-Boot indexes entries of 128 bytes, whatever the header says.
    let used = array.chunks_exact(128).enumerate();
    let used = used.filter(|(_, slot)| slot[..16] != [0; 16]);
    let one = |(at, slot): (usize, &[u8])| CardPartition {
        number: at + 1,
        start: long(slot, 32).saturating_mul(SECTOR),
        bootable: slot[48] & 1 << 2 != 0,
    };
    Ok(used.map(one).collect())
}

/// fs/fat/fat.c, `fat_set_blk_dev` and `read_bootsectandvi`: U-Boot goes by the names in the first sector.
fn is_fat_by_name(card: &File, start: u64) -> bool {
    let mut sector = [0; SECTOR as usize];
    if card.read_exact_at(&mut sector, start).is_err() || !is_signed(&sector) {
        return false;
    }
    let is_fat32 = sector[0x16..0x18] == [0, 0];
    if is_fat32 {
        &sector[0x52..0x5a] == b"FAT32   "
    } else {
        [b"FAT12   ", b"FAT16   "].contains(&sector[0x36..0x3e].first_chunk().unwrap_or(&[0; 8]))
    }
}

/// A FAT, with paths as U-Boot's driver resolves them.
pub struct CardFiles<'a> {
    volume: FatVolume<'a>,
    entries: Vec<DirectoryEntry>,
}

impl<'a> CardFiles<'a> {
    /// Opens the FAT of a partition; `None` if there is none.
    #[must_use]
    pub fn open(card: &'a File, path: &Path, partition: &CardPartition) -> Option<CardFiles<'a>> {
        if !is_fat_by_name(card, partition.start) {
            return None;
        }
        let volume = FatVolume::open(card, path, partition.start).ok()??;
        let entries = volume.entries().ok()?;
        Some(CardFiles { volume, entries })
    }

    fn find(&self, path: &str) -> Option<&DirectoryEntry> {
        let path = self.resolve(path)?;
        self.entries
            .iter()
            .find(|entry| entry.path.eq_ignore_ascii_case(&path))
    }

    /// `/extlinux/../Image` is `/Image`, if there is a directory `/extlinux`.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                part => {
                    parts.push(part);
                    let below = format!("/{}", parts.join("/"));
                    let is_there = |entry: &DirectoryEntry| entry.path.eq_ignore_ascii_case(&below);
                    if !self.entries.iter().any(is_there) {
                        return None;
                    }
                }
            }
        }
        Some(format!("/{}", parts.join("/")))
    }

    /// Is there a file of that name?
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// A file's bytes; `None` if it is not there, or cannot be read whole.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let entry = self.find(path).filter(|entry| !entry.is_directory)?;
        self.volume.data(entry).ok()
    }
}
