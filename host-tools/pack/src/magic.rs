//! Recognizes files of other formats, so that a message can name the format and the command for it.

/// A file format, recognized by its first bytes.
struct Magic {
    at: usize,
    bytes: &'static [u8],
    name: &'static str,
    /// What to do with such a file.
    way_out: &'static str,
}

const fn magic(
    at: usize,
    bytes: &'static [u8],
    name: &'static str,
    way_out: &'static str,
) -> Magic {
    Magic {
        at,
        bytes,
        name,
        way_out,
    }
}

/// Number of bytes that [`name`] examines.
pub const HEAD: usize = 34 * 512;

#[rustfmt::skip]
const KNOWN: &[Magic] = &[
    magic(0, b"\x1f\x8b", "gzip-compressed", "unpack it first: gunzip -k"),
    magic(0, b"\xfd7zXZ\0", "xz-compressed", "unpack it first: unxz -k"),
    magic(0, b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it first: unzstd"),
    magic(0, b"BZh", "bzip2-compressed", "unpack it first: bunzip2 -k"),
    magic(0, b"\x04\x22\x4d\x18", "lz4-compressed", "unpack it first: unlz4"),
    magic(0, b"\x5d\0\0", "lzma-compressed", "unpack it first: unlzma -k"),
    magic(0, b"\x89LZO\0", "lzop-compressed", "unpack it first: lzop -d"),
    magic(0, b"PK\x03\x04", "a zip archive", "unpack it first: unzip"),
    magic(0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first: 7z x"),
    magic(257, b"ustar", "a tar archive", "unpack it first: tar xf"),
    magic(0, b"QFI\xfb", "a qcow2 disk", "convert it first: qemu-img convert -O raw"),
    magic(0, b"conectix", "a VHD disk", "convert it first: qemu-img convert -O raw"),
    magic(0, b"KDMV", "a VMDK disk", "convert it first: qemu-img convert -O raw"),
    magic(0, b"\x3a\xff\x26\xed", "an Android sparse image", "convert it first: simg2img"),
    magic(0, b"\x7fELF", "an ELF file", "`pagewalk image build` makes a card of a kernel"),
    magic(0, b"-rom1fs-", "a ROMFS image", "`pagewalk romfs ls` reads it, `pagewalk image build` makes a card with it"),
    magic(0, b"\xd0\x0d\xfe\xed", "a device tree or a FIT image", "`pagewalk image build` makes a card with it"),
    magic(0, b"\x27\x05\x19\x56", "a U-Boot image", "it is a file for a card, not a card"),
    magic(0x38, b"RSC\x05", "an Image: a kernel, without a card around it", "`pagewalk image build` makes a card of it"),
    magic(0, b"070701", "a cpio archive", "it is a file for a card, not a card"),
    magic(0, b"<?xml", "an XML file, such as a block map", "name the image that it belongs to"),
    magic(0, b"PWLOG\0", "a recording", "`pagewalk replay` shows it"),
];

/// The format of a file that begins with these bytes, and what to do with it.
pub fn name(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |magic: &&Magic| {
        head.get(magic.at..)
            .is_some_and(|rest| rest.starts_with(magic.bytes))
    };
    KNOWN
        .iter()
        .find(begins)
        .map(|magic| (magic.name, magic.way_out))
}

/// The file system of a boot sector that ends in 55 AA, as an MBR does. The FAT width follows from the number
/// of clusters (Microsoft's FAT specification, "FAT Type Determination").
pub fn boot_sector(sector: &[u8]) -> Option<&'static str> {
    if sector.len() < 512 || sector[510..512] != [0x55, 0xaa] {
        return None;
    }
    match &sector[3..11] {
        b"EXFAT   " => return Some("exFAT"),
        b"NTFS    " => return Some("NTFS"),
        _ => {}
    }
    let byte = |at: usize| u64::from(sector[at]);
    let short = |at: usize| byte(at) | byte(at + 1) << 8;
    let long = |at: usize| short(at) | short(at + 2) << 16;
    let (bytes, cluster, reserved, fats) = (short(11), byte(13), short(14), byte(16));
    let is_fat = matches!(sector[0], 0xeb | 0xe9)
        && (512..=4096).contains(&bytes)
        && bytes.is_power_of_two()
        && cluster.is_power_of_two()
        && reserved > 0
        && (1..=4).contains(&fats)
        && matches!(sector[21], 0xf0 | 0xf8..);
    if !is_fat {
        return None;
    }
    let fat_sectors = if short(22) == 0 { long(36) } else { short(22) };
    let sectors = if short(19) == 0 { long(32) } else { short(19) };
    let root_sectors = (short(17) * 32).div_ceil(bytes);
    let data = sectors.checked_sub(reserved + fats * fat_sectors + root_sectors)?;
    Some(match data / cluster {
        _ if short(22) == 0 => "FAT32",
        ..4085 => "FAT12",
        _ => "FAT16",
    })
}

/// A file system or table that a card may begin with and that this program does not read.
pub fn other_disk(head: &[u8]) -> Option<&'static str> {
    let is = |at: usize, bytes: &[u8]| head.get(at..at + bytes.len()) == Some(bytes);
    match () {
        () if is(512, b"EFI PART") => Some("GPT"),
        () if is(1080, &[0x53, 0xef]) => Some("ext2, ext3 or ext4"),
        () if is(0, b"hsqs") => Some("squashfs"),
        () if is(1024, &[0xe2, 0xe1, 0xf5, 0xe0]) => Some("EROFS"),
        () if is(1024, &[0x10, 0x20, 0xf5, 0xf2]) => Some("F2FS"),
        () if is(0, b"XFSB") => Some("XFS"),
        _ => boot_sector(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_a_fat_is_told_by_its_clusters() {
        let sector = |sectors: u16, fat_sectors: u16| {
            let mut sector = vec![0; 512];
            sector[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
            sector[11..13].copy_from_slice(&512u16.to_le_bytes());
            (sector[13], sector[14], sector[16], sector[21]) = (1, 1, 2, 0xf8);
            sector[17..19].copy_from_slice(&512u16.to_le_bytes());
            sector[19..21].copy_from_slice(&sectors.to_le_bytes());
            sector[22..24].copy_from_slice(&fat_sectors.to_le_bytes());
            sector[510..].copy_from_slice(&[0x55, 0xaa]);
            sector
        };
        assert_eq!(boot_sector(&sector(2880, 9)), Some("FAT12"));
        assert_eq!(boot_sector(&sector(32768, 128)), Some("FAT16"));
        let table = crate::mbr::encode(7, &[]);
        assert_eq!(boot_sector(&table), None);
        assert_eq!(boot_sector(&[]), None);
    }

    #[test]
    fn nothing_is_named_that_is_not_there() {
        assert_eq!(name(b""), None);
        assert_eq!(name(&[0; HEAD]), None);
        assert_eq!(other_disk(&[0; HEAD]), None);
        assert_eq!(name(b"\xfd7zXZ\0 and more").unwrap().0, "xz-compressed");
    }
}
