//! Division of a volume: reserved sectors, two FATs, root directory, clusters.

use super::{SECTOR, VolumeWriter};
use crate::content::{Content, Extent};
use crate::{PackError, Result};

/// Width of an entry of the file allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FatWidth {
    /// 16-bit entries.
    Fat16,
    /// 32-bit entries, of which 28 bits are used.
    Fat32,
}

/// The media byte of a fixed disk: 0xF8.
const MEDIA: u8 = 0xf8;
/// Number of entries in a FAT16 root directory.
const ROOT_ENTRIES: u16 = 512;

impl FatWidth {
    fn entry_bytes(self) -> u64 {
        match self {
            FatWidth::Fat16 => 2,
            FatWidth::Fat32 => 4,
        }
    }

    /// The minimum and the maximum number of clusters for this width.
    fn clusters(self) -> (u64, u64) {
        match self {
            FatWidth::Fat16 => (4085, 65_524),
            FatWidth::Fat32 => (65_525, 0x0fff_fff4),
        }
    }

    pub(super) fn end_of_chain(self) -> u32 {
        self.clean_entry()
    }

    pub(super) fn media_entry(self) -> u32 {
        match self {
            FatWidth::Fat16 => 0xff00 | u32::from(MEDIA),
            FatWidth::Fat32 => 0x0fff_ff00 | u32::from(MEDIA),
        }
    }

    /// Entry 1: all bits set means cleanly unmounted and free of errors.
    pub(super) fn clean_entry(self) -> u32 {
        match self {
            FatWidth::Fat16 => 0xffff,
            FatWidth::Fat32 => 0x0fff_ffff,
        }
    }
}

/// Layout of a volume, in sectors of 512 bytes unless noted.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Width of a FAT entry.
    pub width: FatWidth,
    sectors: u64,
    reserved: u64,
    fat_sectors: u64,
    sectors_per_cluster: u64,
    /// Number of data clusters.
    pub clusters: u32,
}

impl Geometry {
    /// Computes the layout for the plan's size.
    pub(super) fn new(plan: &VolumeWriter) -> Result<Geometry> {
        let sectors = plan.size / SECTOR;
        let (fewest, most) = plan.width.clusters();
        let sizes = [1u64, 2, 4, 8, 16, 32, 64];
        let fits = |&size: &u64| {
            let geometry = Geometry::with(plan.width, sectors, size)?;
            let clusters = u64::from(geometry.clusters);
            (fewest <= clusters && clusters <= most).then_some(geometry)
        };
        // FAT16 limits the number of clusters. FAT32 takes the largest clusters, up to 4 KiB, that leave
        // enough of them.
        let found = match plan.width {
            FatWidth::Fat16 => sizes.iter().find_map(fits),
            FatWidth::Fat32 => sizes[..4]
                .iter()
                .rev()
                .find_map(fits)
                .or_else(|| sizes[4..].iter().find_map(fits)),
        };
        found.ok_or_else(|| {
            let (width, least, most) = match plan.width {
                FatWidth::Fat16 => ("FAT16", "3MiB", "2047MiB"),
                FatWidth::Fat32 => ("FAT32", "34MiB", "2TiB"),
            };
            PackError::FatSize {
                partition: plan.name.to_owned(),
                size: plan.size,
                width,
                least,
                most,
            }
        })
    }

    fn with(width: FatWidth, sectors: u64, sectors_per_cluster: u64) -> Option<Geometry> {
        let mut reserved = if width == FatWidth::Fat16 { 1 } else { 32 };
        let mut fat_sectors = 1;
        loop {
            let data = reserved + 2 * fat_sectors + root_sectors(width);
            // Data starts at a multiple of 4 KiB, which matches flash pages.
            reserved += data.next_multiple_of(8) - data;
            let data = data.next_multiple_of(8);
            let clusters = sectors.checked_sub(data)? / sectors_per_cluster;
            let needed = ((clusters + 2) * width.entry_bytes()).div_ceil(SECTOR);
            if needed <= fat_sectors {
                let clusters = u32::try_from(clusters).ok()?;
                return Some(Geometry {
                    width,
                    sectors,
                    reserved,
                    fat_sectors,
                    sectors_per_cluster,
                    clusters,
                });
            }
            fat_sectors = needed;
            reserved = if width == FatWidth::Fat16 { 1 } else { 32 };
        }
    }

    /// Cluster size in bytes.
    pub fn cluster_bytes(&self) -> u64 {
        self.sectors_per_cluster * SECTOR
    }

    /// First sector of FAT copy 0 or 1.
    pub(super) fn fat_start(&self, copy: u64) -> u64 {
        self.reserved + copy * self.fat_sectors
    }

    /// Size of the FAT16 root directory in bytes; `None` for FAT32, whose root is a cluster chain.
    pub(super) fn fixed_root_bytes(&self) -> Option<u64> {
        (self.width == FatWidth::Fat16).then_some(root_sectors(self.width) * SECTOR)
    }

    /// Offset of a cluster in the volume; cluster 0 means the FAT16 root directory.
    pub(super) fn byte_of(&self, cluster: u32) -> u64 {
        let root = self.fat_start(2);
        let data = root + root_sectors(self.width);
        match cluster {
            0 | 1 => root * SECTOR,
            _ => (data + u64::from(cluster - 2) * self.sectors_per_cluster) * SECTOR,
        }
    }

    /// Boot sector, and for FAT32 the information sector and the backup of both.
    pub(super) fn system_extents(
        &self,
        start: u64,
        id: u32,
        label: &[u8; 11],
        used: u32,
    ) -> Vec<Extent> {
        let at = |sector: u64, bytes: Vec<u8>| Extent {
            at: start + sector * SECTOR,
            content: Content::bytes(bytes),
        };
        let boot = self.boot_sector(start / SECTOR, id, label);
        match self.width {
            FatWidth::Fat16 => vec![at(0, boot)],
            FatWidth::Fat32 => {
                let info = self.information_sector(used);
                vec![
                    at(0, boot.clone()),
                    at(1, info.clone()),
                    at(6, boot),
                    at(7, info),
                ]
            }
        }
    }

    fn boot_sector(&self, hidden: u64, id: u32, label: &[u8; 11]) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
        let is_16 = self.width == FatWidth::Fat16;
        let small = |count: u64| u16::try_from(count).unwrap_or(0);
        put(
            0,
            if is_16 {
                &[0xeb, 0x3c, 0x90]
            } else {
                &[0xeb, 0x58, 0x90]
            },
        );
        put(3, b"PAGEWALK");
        put(11, &(SECTOR as u16).to_le_bytes());
        put(13, &[self.sectors_per_cluster as u8]);
        put(14, &(self.reserved as u16).to_le_bytes());
        put(16, &[2]);
        put(17, &(if is_16 { ROOT_ENTRIES } else { 0 }).to_le_bytes());
        // The 16-bit count where the value fits, otherwise the 32-bit one; the unused field is 0.
        let few = if is_16 { small(self.sectors) } else { 0 };
        put(19, &few.to_le_bytes());
        put(21, &[MEDIA]);
        put(
            22,
            &(if is_16 { self.fat_sectors as u16 } else { 0 }).to_le_bytes(),
        );
        put(24, &63u16.to_le_bytes());
        put(26, &255u16.to_le_bytes());
        put(28, &(hidden as u32).to_le_bytes());
        put(
            32,
            &(if few == 0 { self.sectors as u32 } else { 0 }).to_le_bytes(),
        );
        let tail = if is_16 {
            36
        } else {
            put(36, &(self.fat_sectors as u32).to_le_bytes());
            put(44, &2u32.to_le_bytes());
            put(48, &1u16.to_le_bytes());
            put(50, &6u16.to_le_bytes());
            64
        };
        put(tail, &[0x80, 0, 0x29]);
        put(tail + 3, &id.to_le_bytes());
        put(tail + 7, label);
        put(tail + 18, if is_16 { b"FAT16   " } else { b"FAT32   " });
        put(510, &[0x55, 0xaa]);
        sector
    }

    fn information_sector(&self, used: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        sector[..4].copy_from_slice(b"RRaA");
        sector[484..488].copy_from_slice(b"rrAa");
        sector[488..492].copy_from_slice(&(self.clusters - used).to_le_bytes());
        sector[492..496].copy_from_slice(&(used + 2).to_le_bytes());
        sector[508..].copy_from_slice(&[0, 0, 0x55, 0xaa]);
        sector
    }
}

fn root_sectors(width: FatWidth) -> u64 {
    match width {
        FatWidth::Fat16 => u64::from(ROOT_ENTRIES) * 32 / SECTOR,
        FatWidth::Fat32 => 0,
    }
}
