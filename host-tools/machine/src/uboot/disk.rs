//! The card: which partition U-Boot boots from, and the files of a FAT.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use pack::fat::volume::{DirectoryEntry, FatVolume};
use pack::{gpt, mbr};

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
    let mut head = vec![0; 34 * SECTOR as usize];
    let length = card.metadata().map_or(0, |metadata| metadata.len());
    let read = head
        .len()
        .min(usize::try_from(length).unwrap_or(usize::MAX));
    card.read_exact_at(&mut head[..read], 0)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let record = mbr::decode(&head)
        .ok_or("has neither an MBR nor a GPT: no partition table is found in its first sector")?;
    let all: Vec<CardPartition> = if record.iter().any(|entry| entry.kind == mbr::PROTECTIVE) {
        let table = &head[SECTOR as usize..];
        // U-Boot takes no table with a wrong checksum; it tries the second one then.
        if let Some(problem) = gpt::problems(table).first() {
            return Err(format!("has no GPT that U-Boot takes: {problem}"));
        }
        let entries = gpt::decode(table).ok_or("has a protective MBR and no GPT behind it")?;
        let one = |(at, entry): (usize, &gpt::GptEntry)| CardPartition {
            number: at + 1,
            start: entry.start * SECTOR,
            bootable: entry.bootable,
        };
        entries.iter().enumerate().map(one).collect()
    } else {
        let slots = (446..510).step_by(16).enumerate();
        let word = |at: usize| {
            let bytes = head[at..at + 4].first_chunk().copied().unwrap_or_default();
            u64::from(u32::from_le_bytes(bytes))
        };
        slots
            .filter(|&(_, at)| head[at + 4] != 0 && word(at + 12) != 0)
            .map(|(number, at)| CardPartition {
                number: number + 1,
                start: word(at + 8) * SECTOR,
                bootable: head[at] == 0x80,
            })
            .collect()
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

/// A FAT, with paths as U-Boot's driver resolves them.
pub struct CardFiles<'a> {
    volume: FatVolume<'a>,
    entries: Vec<DirectoryEntry>,
}

impl<'a> CardFiles<'a> {
    /// Opens the FAT of a partition; `None` if there is none.
    #[must_use]
    pub fn open(card: &'a File, path: &Path, partition: &CardPartition) -> Option<CardFiles<'a>> {
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
