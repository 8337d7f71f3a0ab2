//! The master boot record's partition table.

/// Sector size in bytes; every field of a table here counts sectors.
pub const SECTOR: u64 = 512;

/// One of the four primary entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbrEntry {
    /// Active flag: status byte 0x80.
    pub active: bool,
    /// Partition type byte.
    pub kind: u8,
    /// First sector (LBA).
    pub start: u32,
    /// Number of sectors.
    pub sectors: u32,
}

/// Type FAT16 with LBA.
pub const FAT16_LBA: u8 = 0x0e;
/// Type FAT32 with LBA.
pub const FAT32_LBA: u8 = 0x0c;
/// Type of the protective entry of a GPT.
pub const PROTECTIVE: u8 = 0xee;

/// Encodes an MBR without boot code.
pub fn encode(signature: u32, entries: &[MbrEntry]) -> [u8; SECTOR as usize] {
    let mut sector = [0; SECTOR as usize];
    sector[440..444].copy_from_slice(&signature.to_le_bytes());
    for (entry, at) in entries.iter().zip((446..510).step_by(16)) {
        // Cylinder, head and sector at their maximum, which means: use the LBA fields.
        let chs = [0xfe, 0xff, 0xff];
        sector[at] = if entry.active { 0x80 } else { 0 };
        sector[at + 1..at + 4].copy_from_slice(&chs);
        sector[at + 4] = entry.kind;
        sector[at + 5..at + 8].copy_from_slice(&chs);
        sector[at + 8..at + 12].copy_from_slice(&entry.start.to_le_bytes());
        sector[at + 12..at + 16].copy_from_slice(&entry.sectors.to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

/// The used entries; `None` if the sector is not an MBR.
pub fn decode(sector: &[u8]) -> Option<Vec<MbrEntry>> {
    if sector.len() < SECTOR as usize || sector[510..512] != [0x55, 0xaa] {
        return None;
    }
    let word = |at: usize| {
        u32::from_le_bytes([sector[at], sector[at + 1], sector[at + 2], sector[at + 3]])
    };
    let entries = (446..510).step_by(16).map(|at| MbrEntry {
        active: sector[at] == 0x80,
        kind: sector[at + 4],
        start: word(at + 8),
        sectors: word(at + 12),
    });
    // A FAT boot sector ends in the same two bytes, but the bytes at the place of the status are neither 0
    // nor 0x80.
    let is_table = (446..510)
        .step_by(16)
        .all(|at| matches!(sector[at], 0 | 0x80));
    is_table.then(|| {
        entries
            .filter(|entry| entry.kind != 0 && entry.sectors != 0)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive() {
        let entries = [
            MbrEntry {
                active: true,
                kind: FAT32_LBA,
                start: 2048,
                sectors: 260_096,
            },
            MbrEntry {
                active: false,
                kind: 0x83,
                start: 262_144,
                sectors: 1,
            },
        ];
        assert_eq!(
            decode(&encode(0xdead_beef, &entries)),
            Some(entries.to_vec())
        );
        assert_eq!(decode(&[0; 512]), None);
        assert_eq!(decode(&[]), None);
    }
}
