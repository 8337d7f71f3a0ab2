//! FAT directories: a tree of names, encoded as 32-byte entries.

use std::collections::{BTreeMap, BTreeSet};

use super::FatFile;
use super::names::{self, FatName};
use crate::error::FatNameError;

const ENTRY: u64 = 32;
const VOLUME_LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LONG_NAME: u8 = 0x0f;
/// 1 January 1980, the earliest FAT date: the build does not depend on the clock.
const DATE: u16 = 1 << 5 | 1;

/// First cluster and size of a file or directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryPlace {
    /// First cluster; 0 for an empty file.
    pub cluster: u32,
    /// Size in bytes.
    pub size: u64,
}

#[derive(Debug)]
enum Child {
    Directory(Directory, EntryPlace),
    File(usize, EntryPlace),
}

/// A directory that is being built.
#[derive(Debug, Default)]
pub struct Directory {
    children: BTreeMap<String, Child>,
}

impl Directory {
    /// Adds file `number` at a path, and creates the directories of the path.
    pub fn insert(&mut self, path: &str, number: usize) -> Result<(), FatNameError> {
        let path = path.trim_start_matches('/');
        let (first, rest) = path
            .split_once('/')
            .map_or((path, None), |(first, rest)| (first, Some(rest)));
        names::check(first)?;
        let twice = || FatNameError::Twice(first.to_owned());
        // FAT names are case-insensitive.
        let same = self
            .children
            .keys()
            .find(|name| name.eq_ignore_ascii_case(first))
            .cloned();
        match (rest, same) {
            (None, None) => {
                self.children
                    .insert(first.to_owned(), Child::File(number, EntryPlace::default()));
                Ok(())
            }
            (None, Some(_)) => Err(twice()),
            (Some(rest), same) => {
                let name = same.unwrap_or_else(|| first.to_owned());
                let made = || Child::Directory(Directory::default(), EntryPlace::default());
                match self.children.entry(name).or_insert_with(made) {
                    Child::Directory(directory, _) => directory.insert(rest, number),
                    Child::File(..) => Err(twice()),
                }
            }
        }
    }

    /// Numbers of all files, in tree order.
    pub fn numbers(&self) -> Vec<usize> {
        let below = |child: &Child| match child {
            Child::Directory(directory, _) => directory.numbers(),
            Child::File(number, _) => vec![*number],
        };
        self.children.values().flat_map(below).collect()
    }

    /// Size of its entries in bytes.
    pub fn encoded_bytes(&self, is_root: bool) -> u64 {
        let own = if is_root { 1 } else { 2 };
        let entries: u64 = self.names().map(|(name, _)| 1 + long_entries(&name)).sum();
        (own + entries) * ENTRY
    }

    fn names(&self) -> impl Iterator<Item = (FatName, &Child)> {
        let mut taken = BTreeSet::new();
        self.children
            .iter()
            .map(move |(name, child)| (names::name(name, &mut taken), child))
    }

    /// Assigns clusters to every child: directories first, then their content.
    pub fn place(
        &mut self,
        _own: EntryPlace,
        take: &mut dyn FnMut(u64) -> u32,
        files: &[FatFile],
        places: &mut [EntryPlace],
    ) {
        for child in self.children.values_mut() {
            match child {
                Child::Directory(directory, place) => {
                    let size = directory.encoded_bytes(false);
                    *place = EntryPlace {
                        cluster: take(size),
                        size,
                    };
                    directory.place(*place, take, files, places);
                }
                Child::File(number, place) => {
                    let size = files[*number].content.size();
                    *place = EntryPlace {
                        cluster: take(size),
                        size,
                    };
                    places[*number] = *place;
                }
            }
        }
    }

    /// Encodes this directory and those below it.
    pub fn emit(
        &self,
        own: EntryPlace,
        parent: EntryPlace,
        label: Option<&[u8; 11]>,
        see: &mut dyn FnMut(EntryPlace, Vec<u8>),
    ) {
        let mut bytes = Vec::new();
        match label {
            Some(label) => bytes.extend(entry(label, VOLUME_LABEL, EntryPlace::default())),
            None => {
                bytes.extend(entry(
                    b".          ",
                    DIRECTORY,
                    EntryPlace { size: 0, ..own },
                ));
                bytes.extend(entry(
                    b"..         ",
                    DIRECTORY,
                    EntryPlace { size: 0, ..parent },
                ));
            }
        }
        for (name, child) in self.names() {
            put_long(&mut bytes, &name);
            let (attributes, place) = match child {
                Child::Directory(_, place) => (DIRECTORY, EntryPlace { size: 0, ..*place }),
                Child::File(_, place) => (ARCHIVE, *place),
            };
            bytes.extend(entry(&name.short, attributes, place));
        }
        see(own, bytes);
        // `..` of a directory in the root has cluster 0, even where the root has one.
        let up = if label.is_some() {
            EntryPlace::default()
        } else {
            own
        };
        for child in self.children.values() {
            if let Child::Directory(directory, place) = child {
                directory.emit(*place, up, None, see);
            }
        }
    }
}

fn long_entries(name: &FatName) -> u64 {
    name.long
        .as_ref()
        .map_or(0, |long| long.len().div_ceil(13) as u64)
}

fn entry(short: &[u8; 11], attributes: u8, place: EntryPlace) -> [u8; ENTRY as usize] {
    let mut bytes = [0; ENTRY as usize];
    bytes[..11].copy_from_slice(short);
    bytes[11] = attributes;
    for date_at in [16, 18, 24] {
        bytes[date_at..date_at + 2].copy_from_slice(&DATE.to_le_bytes());
    }
    let cluster = place.cluster.to_le_bytes();
    bytes[20..22].copy_from_slice(&cluster[2..]);
    bytes[26..28].copy_from_slice(&cluster[..2]);
    bytes[28..].copy_from_slice(&(place.size as u32).to_le_bytes());
    bytes
}

/// Encodes a long name: its pieces stand before the short entry, the last piece first.
fn put_long(into: &mut Vec<u8>, name: &FatName) {
    let Some(long) = &name.long else { return };
    let sum = names::checksum(&name.short);
    let last = long.len().div_ceil(13);
    for (at, piece) in long.chunks(13).enumerate().rev() {
        let mut bytes = [0u8; ENTRY as usize];
        bytes[0] = (at + 1) as u8 | if at + 1 == last { 0x40 } else { 0 };
        bytes[11] = LONG_NAME;
        bytes[13] = sum;
        let places = [1usize, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        for (number, place) in places.into_iter().enumerate() {
            // The name, one zero, then 0xFFFF in the rest of the piece.
            let beyond = if number == piece.len() { 0 } else { 0xffff };
            let unit: u16 = piece.get(number).copied().unwrap_or(beyond);
            bytes[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        into.extend(bytes);
    }
}
