//! The GUID partition table. UEFI specification, §5.3.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crc32fast::hash as crc32;

use crate::mbr::{self, SECTOR};

/// Sectors of the table at either end of the disk, without the protective MBR.
pub const SECTORS: u64 = 33;
const MAGIC: &[u8] = b"EFI PART";
const ENTRIES: usize = 128;
const ENTRY_BYTES: usize = 128;
/// Partition type GUID "basic data", used for FAT partitions.
const BASIC_DATA: [u8; 16] = guid(
    0xebd0_a0a2,
    0xb9e5,
    0x4433,
    [0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7],
);
/// Attribute bit 2, legacy BIOS bootable; U-Boot's `part list -bootable` looks for it.
const BOOTABLE: u64 = 1 << 2;

/// A partition to encode, or decoded from a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptEntry {
    /// Its name, at most 36 UTF-16 units.
    pub name: String,
    /// First sector (LBA).
    pub start: u64,
    /// Number of sectors.
    pub sectors: u64,
    /// Attribute "legacy BIOS bootable".
    pub bootable: bool,
}

const fn guid(a: u32, b: u16, c: u16, d: [u8; 8]) -> [u8; 16] {
    let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6],
        d[7],
    ]
}

/// The first 34 sectors of a disk, and its last 33. GUIDs are made from `seed`.
pub fn encode(seed: &[u8; 32], disk_sectors: u64, entries: &[GptEntry]) -> (Vec<u8>, Vec<u8>) {
    let mut array = vec![0; ENTRIES * ENTRY_BYTES];
    for (at, (entry, slot)) in entries
        .iter()
        .zip(array.chunks_exact_mut(ENTRY_BYTES))
        .enumerate()
    {
        slot[..16].copy_from_slice(&BASIC_DATA);
        slot[16..32].copy_from_slice(&unique(seed, at as u8 + 1));
        slot[32..40].copy_from_slice(&entry.start.to_le_bytes());
        slot[40..48].copy_from_slice(&(entry.start + entry.sectors - 1).to_le_bytes());
        let attributes = if entry.bootable { BOOTABLE } else { 0 };
        slot[48..56].copy_from_slice(&attributes.to_le_bytes());
        for (unit, place) in entry
            .name
            .encode_utf16()
            .take(36)
            .zip(slot[56..].chunks_exact_mut(2))
        {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    let last = disk_sectors - 1;
    let whole = u32::try_from(last).unwrap_or(u32::MAX);
    let protective = mbr::MbrEntry {
        active: false,
        kind: mbr::PROTECTIVE,
        start: 1,
        sectors: whole,
    };
    let mut front = mbr::encode(0, &[protective]).to_vec();
    front.extend(header(seed, 1, last, 2, last, &array));
    front.extend(&array);
    let mut back = array.clone();
    back.extend(header(seed, last, 1, last - (SECTORS - 1), last, &array));
    (front, back)
}

/// A GUID in the form of version 4, derived from content instead of randomness.
fn unique(seed: &[u8; 32], number: u8) -> [u8; 16] {
    let mut guid: [u8; 16] = std::array::from_fn(|at| seed[at] ^ seed[at + 16]);
    guid[0] ^= number;
    guid[7] = guid[7] & 0x0f | 0x40;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}

fn header(
    seed: &[u8; 32],
    own: u64,
    other: u64,
    array_at: u64,
    last: u64,
    array: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; SECTOR as usize];
    bytes[..8].copy_from_slice(b"EFI PART");
    bytes[8..12].copy_from_slice(&0x0001_0000u32.to_le_bytes());
    bytes[12..16].copy_from_slice(&92u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&own.to_le_bytes());
    bytes[32..40].copy_from_slice(&other.to_le_bytes());
    bytes[40..48].copy_from_slice(&(SECTORS + 1).to_le_bytes());
    bytes[48..56].copy_from_slice(&(last - SECTORS).to_le_bytes());
    bytes[56..72].copy_from_slice(&unique(seed, 0));
    bytes[72..80].copy_from_slice(&array_at.to_le_bytes());
    bytes[80..84].copy_from_slice(&(ENTRIES as u32).to_le_bytes());
    bytes[84..88].copy_from_slice(&(ENTRY_BYTES as u32).to_le_bytes());
    bytes[88..92].copy_from_slice(&crc32(array).to_le_bytes());
    let sum = crc32(&bytes[..92]);
    bytes[16..20].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The table that U-Boot would use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundGpt {
    /// Entries that describe a partition.
    pub entries: Vec<GptEntry>,
    /// Whether it is the backup at the end of the disk: the primary one is damaged.
    pub is_backup: bool,
    /// Problems of the primary table.
    pub problems: Vec<&'static str>,
}

/// Reads the table of a disk of `size` bytes: the primary one; where it is damaged and the backup is not, the
/// backup, as U-Boot does (disk/part_efi.c, find_valid_gpt).
pub fn read(disk: &File, size: u64) -> io::Result<FoundGpt> {
    let sectors = |from: u64, count: u64| {
        let left = size.saturating_sub(from.saturating_mul(SECTOR));
        let mut bytes = vec![0; left.min(count * SECTOR) as usize];
        disk.read_exact_at(&mut bytes, from * SECTOR)
            .map(|()| bytes)
    };
    let primary = sectors(1, SECTORS)?;
    let problems = match primary.starts_with(MAGIC) {
        true => self::problems(&primary),
        false => vec!["the GPT's header is not there"],
    };
    let last = (size / SECTOR).saturating_sub(1);
    if !problems.is_empty() && last > SECTORS {
        let mut backup = sectors(last, 1)?;
        let long = |at: usize| backup[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let (own, array) = (long(24), long(72));
        if backup.starts_with(MAGIC) && own == last && array < last {
            backup.extend(sectors(array, SECTORS - 1)?);
            // The entries were read from where the header says, so that they follow it here.
            let is_good = header_problem(&backup).is_none() && entries_problem(&backup).is_none();
            if let Some(entries) = decode(&backup).filter(|_| is_good) {
                return Ok(FoundGpt {
                    entries,
                    is_backup: true,
                    problems,
                });
            }
        }
    }
    Ok(FoundGpt {
        entries: decode(&primary).unwrap_or_default(),
        is_backup: false,
        problems,
    })
}

/// Decodes the used entries; `sectors` starts after the protective MBR.
pub fn decode(sectors: &[u8]) -> Option<Vec<GptEntry>> {
    let long = |at: usize| {
        Some(u64::from_le_bytes(
            sectors.get(at..at + 8)?.try_into().ok()?,
        ))
    };
    if !sectors.starts_with(MAGIC) {
        return None;
    }
    let array = sectors.get(SECTOR as usize..)?;
    let used = array
        .chunks_exact(ENTRY_BYTES)
        .filter(|slot| slot[..16] != [0; 16]);
    let _ = long(72)?;
    Some(
        used.map(|slot| {
            let long =
                |at: usize| u64::from_le_bytes(slot[at..at + 8].try_into().unwrap_or_default());
            let units = slot[56..]
                .chunks_exact(2)
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            let name: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
            GptEntry {
                name: String::from_utf16_lossy(&name),
                start: long(32),
                sectors: long(40).wrapping_sub(long(32)).wrapping_add(1),
                bootable: long(48) & BOOTABLE != 0,
            }
        })
        .collect(),
    )
}

/// Problems of the primary table; `sectors` starts after the protective MBR.
pub fn problems(sectors: &[u8]) -> Vec<&'static str> {
    let mut problems: Vec<_> = header_problem(sectors).into_iter().collect();
    // An entry array that does not follow directly was not read.
    if number(sectors, 72) == 2 {
        problems.extend(entries_problem(sectors));
    }
    problems
}

/// The 32-bit number at an offset in bytes; 0 behind the end.
fn number(sectors: &[u8], at: usize) -> usize {
    let bytes = sectors.get(at..at + 4).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize
}

fn header_problem(sectors: &[u8]) -> Option<&'static str> {
    let header = sectors
        .get(..number(sectors, 12).min(SECTOR as usize))
        .map(|header| {
            let mut header = header.to_vec();
            // The checksum is computed with zeros in its place.
            if let Some(sum) = header.get_mut(16..20) {
                sum.fill(0);
            }
            header
        });
    let is_wrong =
        |header: Vec<u8>| header.len() < 92 || crc32(&header) as usize != number(sectors, 16);
    header
        .is_none_or(is_wrong)
        .then_some("the GPT's header has a wrong checksum")
}

/// A wrong checksum of the entries that follow the header. An array that is longer than usual was not read.
fn entries_problem(sectors: &[u8]) -> Option<&'static str> {
    let array = sectors.get(SECTOR as usize..)?;
    let array = array.get(..number(sectors, 80).saturating_mul(number(sectors, 84)))?;
    (crc32(array) as usize != number(sectors, 88))
        .then_some("the GPT's entries have a wrong checksum")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_and_both_ends_agree() {
        let entries = [GptEntry {
            name: "boot".into(),
            start: 2048,
            sectors: 4096,
            bootable: true,
        }];
        let (front, back) = encode(&[7; 32], 8192, &entries);
        assert_eq!(
            (front.len() as u64, back.len() as u64),
            (34 * SECTOR, 33 * SECTOR)
        );
        assert_eq!(decode(&front[SECTOR as usize..]).unwrap(), entries);
        assert_eq!(front[1024..], back[..back.len() - 512]);
        assert_eq!(decode(b"nothing"), None);
        let table = front[SECTOR as usize..].to_vec();
        assert!(problems(&table).is_empty());
        let changed = |at: usize| {
            let mut table = table.clone();
            table[at] ^= 1;
            problems(&table)
        };
        assert_eq!(changed(40), ["the GPT's header has a wrong checksum"]);
        assert_eq!(
            changed(512 + 33),
            ["the GPT's entries have a wrong checksum"]
        );
        assert_eq!(problems(b"EFI PART").len(), 1);
    }

    #[test]
    fn a_damaged_primary_table_falls_back_to_the_backup() {
        use std::io::Write;
        let entries = [GptEntry {
            name: "boot".into(),
            start: 64,
            sectors: 8,
            bootable: true,
        }];
        let (front, back) = encode(&[7; 32], 256, &entries);
        let mut disk = vec![0; 256 * 512];
        disk[..front.len()].copy_from_slice(&front);
        let at = disk.len() - back.len();
        disk[at..].copy_from_slice(&back);
        let found = |disk: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(disk).unwrap();
            read(&file, disk.len() as u64).unwrap()
        };
        let good = found(&disk);
        assert_eq!(
            (&good.entries[..], good.is_backup, good.problems.len()),
            (&entries[..], false, 0)
        );
        for broken in [512, 512 + 40, 1024 + 3] {
            let mut disk = disk.clone();
            disk[broken] ^= 0x55;
            let backup = found(&disk);
            assert_eq!(
                (&backup.entries[..], backup.is_backup),
                (&entries[..], true),
                "{broken}"
            );
            assert_eq!(backup.problems.len(), 1);
            // Both damaged: the primary one counts, and its problem is one.
            disk[at + 5] ^= 0x55;
            assert!(!found(&disk).is_backup);
        }
    }
}
