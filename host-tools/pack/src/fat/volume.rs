//! Reads FAT volumes of any origin, and replaces a file in one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::SECTOR;
use crate::{PackError, Result};

/// Limit for the depth of directories and the number of entries, so that reading a damaged volume ends.
const MAX_DEPTH: usize = 16;
const MAX_ENTRIES: usize = 100_000;

/// A FAT volume in an image or on a card.
#[derive(Debug)]
pub struct FatVolume<'a> {
    file: &'a File,
    path: PathBuf,
    start: u64,
    is_32: bool,
    sectors_per_cluster: u64,
    fat_start: u64,
    fat_sectors: u64,
    fats: u64,
    root_start: u64,
    root_sectors: u64,
    data_start: u64,
    clusters: u32,
    root_cluster: u32,
    /// Volume id of the boot sector.
    pub id: u32,
    /// Volume label of the boot sector.
    pub label: String,
}

/// A file or directory of the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Absolute path, such as `/extlinux/extlinux.conf`.
    pub path: String,
    /// True for a directory.
    pub is_directory: bool,
    /// Size in bytes; 0 for a directory.
    pub size: u64,
    /// First cluster; 0 for an empty file.
    pub cluster: u32,
    /// Offset of its 32-byte entry in the image.
    at: u64,
}

impl<'a> FatVolume<'a> {
    /// Reads the boot sector at offset `start`; `None` if it is not FAT16 or FAT32.
    pub fn open(file: &'a File, path: &Path, start: u64) -> Result<Option<FatVolume<'a>>> {
        let mut sector = [0; SECTOR as usize];
        if file.read_exact_at(&mut sector, start).is_err() {
            return Ok(None);
        }
        let byte = |at: usize| u64::from(sector[at]);
        let short = |at: usize| byte(at) | byte(at + 1) << 8;
        let long = |at: usize| short(at) | short(at + 2) << 16;
        let (spc, reserved, fats, root_entries) = (byte(13), short(14), byte(16), short(17));
        let is_boot_sector = sector[510..] == [0x55, 0xaa] && matches!(sector[0], 0xeb | 0xe9);
        if !is_boot_sector
            || short(11) != SECTOR
            || !spc.is_power_of_two()
            || reserved == 0
            || !(1..=2).contains(&fats)
        {
            return Ok(None);
        }
        let is_32 = short(22) == 0;
        let fat_sectors = if is_32 { long(36) } else { short(22) };
        let sectors = if short(19) == 0 { long(32) } else { short(19) };
        let root_start = reserved + fats * fat_sectors;
        let root_sectors = (root_entries * 32).div_ceil(SECTOR);
        let data_start = root_start + root_sectors;
        let Some(clusters) = sectors.checked_sub(data_start).map(|data| data / spc) else {
            return Ok(None);
        };
        let entry_bytes = if is_32 { 4 } else { 2 };
        if clusters < 4085 || (clusters + 2) * entry_bytes > fat_sectors * SECTOR {
            return Ok(None);
        }
        // Both FATs are read completely: a missing one means that the volume is damaged.
        let length = file.metadata().map_err(PackError::io("read", path))?;
        let fat_end = start.saturating_add(root_start * SECTOR);
        if length.is_file() && fat_end > length.len() {
            return Ok(None);
        }
        let tail = if is_32 { 64 } else { 36 };
        Ok(Some(FatVolume {
            file,
            path: path.to_owned(),
            start,
            is_32,
            sectors_per_cluster: spc,
            fat_start: reserved,
            fat_sectors,
            fats,
            root_start,
            root_sectors,
            data_start,
            clusters: clusters as u32,
            root_cluster: if is_32 { long(44) as u32 } else { 0 },
            id: long(tail + 3) as u32,
            label: String::from_utf8_lossy(&sector[tail + 7..tail + 18])
                .trim_end()
                .to_owned(),
        }))
    }

    /// Name of the type: "FAT16" or "FAT32".
    pub fn kind(&self) -> &'static str {
        if self.is_32 { "FAT32" } else { "FAT16" }
    }

    /// Every file and directory; a directory comes before its content.
    pub fn entries(&self) -> Result<Vec<DirectoryEntry>> {
        let mut entries = Vec::new();
        self.list(self.root_cluster, "", 0, &mut entries)?;
        Ok(entries)
    }

    fn list(
        &self,
        cluster: u32,
        path: &str,
        depth: usize,
        entries: &mut Vec<DirectoryEntry>,
    ) -> Result<()> {
        let runs = self.directory_runs(cluster)?;
        let mut long: Vec<(u8, Vec<u16>)> = Vec::new();
        for (at, bytes) in runs {
            for (slot, entry) in bytes.chunks_exact(32).enumerate() {
                let attributes = entry[11];
                match entry[0] {
                    0 => return Ok(()),
                    0xe5 => long.clear(),
                    _ if attributes == 0x0f => long.push((entry[0] & 0x3f, units(entry))),
                    _ if attributes & 0x08 != 0 => long.clear(),
                    b'.' => long.clear(),
                    _ => {
                        let path = format!("{path}/{}", name(entry, &mut long));
                        let found = DirectoryEntry {
                            is_directory: attributes & 0x10 != 0,
                            size: u64::from(u32::from_le_bytes([
                                entry[28], entry[29], entry[30], entry[31],
                            ])),
                            cluster: cluster_of(entry),
                            at: at + slot as u64 * 32,
                            path: path.clone(),
                        };
                        if depth >= MAX_DEPTH || entries.len() >= MAX_ENTRIES {
                            return Err(PackError::wrong(
                                &self.path,
                                "has directories without end",
                            ));
                        }
                        let below = found.is_directory.then_some(found.cluster);
                        entries.push(found);
                        if let Some(cluster) = below {
                            self.list(cluster, &path, depth + 1, entries)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A directory's bytes in pieces, each with its offset in the image.
    fn directory_runs(&self, cluster: u32) -> Result<Vec<(u64, Vec<u8>)>> {
        if cluster == 0 && !self.is_32 {
            let at = self.start + self.root_start * SECTOR;
            return Ok(vec![(at, self.read(at, self.root_sectors * SECTOR)?)]);
        }
        let chain = self.chain(if cluster == 0 {
            self.root_cluster
        } else {
            cluster
        })?;
        chain
            .into_iter()
            .map(|cluster| {
                Ok((
                    self.byte_of(cluster),
                    self.read(self.byte_of(cluster), self.cluster_bytes())?,
                ))
            })
            .collect()
    }

    /// Reads a file's content.
    pub fn data(&self, entry: &DirectoryEntry) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        if entry.size == 0 {
            return Ok(data);
        }
        let chain = self.chain(entry.cluster)?;
        if (chain.len() as u64) * self.cluster_bytes() < entry.size {
            return Err(PackError::wrong(
                &self.path,
                format!(
                    "{} is cut off: its chain of clusters ends early",
                    entry.path
                ),
            ));
        }
        for (first, count) in runs(&chain) {
            data.extend(self.read(self.byte_of(first), count * self.cluster_bytes())?);
        }
        data.truncate(entry.size as usize);
        Ok(data)
    }

    /// Replaces a file's content: its clusters are reused first, then free ones are taken; both FATs, the
    /// entry and FAT32's count of free clusters are updated. Returns the runs of the new content, as offset
    /// in the image and length.
    pub fn replace(&self, entry: &DirectoryEntry, data: &[u8]) -> Result<Vec<(u64, u64)>> {
        let old = if entry.cluster == 0 {
            Vec::new()
        } else {
            self.chain(entry.cluster)?
        };
        let needed = (data.len() as u64).div_ceil(self.cluster_bytes()) as usize;
        let mut chain = old.clone();
        chain.truncate(needed);
        let mut fat = self.read(
            self.start + self.fat_start * SECTOR,
            self.fat_sectors * SECTOR,
        )?;
        if chain.len() < needed {
            let free = (2..self.clusters + 2).filter(|&cluster| self.get(&fat, cluster) == 0);
            chain.extend(free.take(needed - old.len()));
        }
        if chain.len() < needed {
            return Err(PackError::NoRoom {
                what: format!("{} on {}", entry.path, self.path.display()),
                needs: needed as u64 * self.cluster_bytes(),
                has: chain.len() as u64 * self.cluster_bytes(),
                way_out: "the partition is full; build a larger image",
            });
        }
        for (piece, &cluster) in data.chunks(self.cluster_bytes() as usize).zip(&chain) {
            self.write(self.byte_of(cluster), piece)?;
        }
        for &cluster in &old {
            self.set(&mut fat, cluster, 0);
        }
        for (at, &cluster) in chain.iter().enumerate() {
            let next = chain.get(at + 1).copied().unwrap_or(0x0fff_ffff);
            self.set(&mut fat, cluster, next);
        }
        for copy in 0..self.fats {
            self.write(
                self.start + (self.fat_start + copy * self.fat_sectors) * SECTOR,
                &fat,
            )?;
        }
        self.update_entry(
            entry,
            chain.first().copied().unwrap_or(0),
            data.len() as u32,
        )?;
        self.update_free_count(&fat)?;
        let bytes = |(first, count)| (self.byte_of(first), count * self.cluster_bytes());
        Ok(runs(&chain).into_iter().map(bytes).collect())
    }

    fn update_entry(&self, entry: &DirectoryEntry, cluster: u32, size: u32) -> Result<()> {
        let cluster = cluster.to_le_bytes();
        self.write(entry.at + 20, &cluster[2..])?;
        self.write(entry.at + 26, &cluster[..2])?;
        self.write(entry.at + 28, &size.to_le_bytes())
    }

    fn update_free_count(&self, fat: &[u8]) -> Result<()> {
        if !self.is_32 {
            return Ok(());
        }
        let free = (2..self.clusters + 2)
            .filter(|&cluster| self.get(fat, cluster) == 0)
            .count() as u32;
        for sector in [1, 7] {
            let at = self.start + sector * SECTOR;
            if self.read(at, 4)? == b"RRaA" {
                self.write(at + 488, &free.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn get(&self, fat: &[u8], cluster: u32) -> u32 {
        let at = cluster as usize;
        if self.is_32 {
            u32::from_le_bytes([
                fat[at * 4],
                fat[at * 4 + 1],
                fat[at * 4 + 2],
                fat[at * 4 + 3],
            ]) & 0x0fff_ffff
        } else {
            match u32::from(u16::from_le_bytes([fat[at * 2], fat[at * 2 + 1]])) {
                end @ 0xfff8.. => end | 0x0fff_0000,
                next => next,
            }
        }
    }

    fn set(&self, fat: &mut [u8], cluster: u32, next: u32) {
        let at = cluster as usize;
        if self.is_32 {
            fat[at * 4..at * 4 + 4].copy_from_slice(&next.to_le_bytes());
        } else {
            fat[at * 2..at * 2 + 2].copy_from_slice(&(next as u16).to_le_bytes());
        }
    }

    fn chain(&self, first: u32) -> Result<Vec<u32>> {
        let fat = self.read(
            self.start + self.fat_start * SECTOR,
            self.fat_sectors * SECTOR,
        )?;
        let mut chain = Vec::new();
        let mut cluster = first;
        while (2..self.clusters + 2).contains(&cluster) {
            if chain.len() > self.clusters as usize {
                return Err(PackError::wrong(
                    &self.path,
                    "has a chain of clusters that leads in a circle",
                ));
            }
            chain.push(cluster);
            cluster = self.get(&fat, cluster);
        }
        Ok(chain)
    }

    fn cluster_bytes(&self) -> u64 {
        self.sectors_per_cluster * SECTOR
    }

    fn byte_of(&self, cluster: u32) -> u64 {
        let sector =
            self.data_start + u64::from(cluster.saturating_sub(2)) * self.sectors_per_cluster;
        self.start + sector * SECTOR
    }

    /// Offset of a file's first byte in the image.
    pub fn place(&self, entry: &DirectoryEntry) -> u64 {
        self.byte_of(entry.cluster)
    }

    fn read(&self, at: u64, bytes: u64) -> Result<Vec<u8>> {
        let mut data = vec![0; bytes as usize];
        self.file
            .read_exact_at(&mut data, at)
            .map_err(PackError::io("read", &self.path))?;
        Ok(data)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, at)
            .map_err(PackError::io("write", &self.path))
    }
}

/// Merges consecutive clusters into (first, count).
fn runs(chain: &[u32]) -> Vec<(u32, u64)> {
    let mut runs: Vec<(u32, u64)> = Vec::new();
    for &cluster in chain {
        match runs.last_mut() {
            Some((first, count)) if u64::from(*first) + *count == u64::from(cluster) => *count += 1,
            _ => runs.push((cluster, 1)),
        }
    }
    runs
}

fn cluster_of(entry: &[u8]) -> u32 {
    u32::from_le_bytes([entry[26], entry[27], entry[20], entry[21]])
}

fn units(entry: &[u8]) -> Vec<u16> {
    let places = [1usize, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
    let units = places.map(|at| u16::from_le_bytes([entry[at], entry[at + 1]]));
    units
        .into_iter()
        .take_while(|&unit| unit != 0 && unit != 0xffff)
        .collect()
}

fn name(entry: &[u8], long: &mut Vec<(u8, Vec<u16>)>) -> String {
    if !long.is_empty() {
        long.sort_by_key(|(order, _)| *order);
        let units: Vec<u16> = long.drain(..).flat_map(|(_, units)| units).collect();
        return String::from_utf16_lossy(&units);
    }
    let part = |range: std::ops::Range<usize>| {
        String::from_utf8_lossy(&entry[range]).trim_end().to_owned()
    };
    let (base, extension) = (part(0..8), part(8..11));
    if extension.is_empty() {
        base
    } else {
        format!("{base}.{extension}")
    }
}
