//! The keys of an image definition.

use boards::ByteSize;
use serde::Deserialize;
use toml::Spanned;

/// Definition of a card or disk image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The board it boots: a name, or a file relative to the definition. The payload must respect its limits.
    pub board: Spanned<String>,
    /// Size of the image.
    pub size: ByteSize,
    /// Type of the partition table.
    pub table: PartitionScheme,
    /// The kernel and initrd that are joined to one Image file.
    pub payload: Payload,
    /// Partitions, in the order of the table.
    #[serde(default)]
    pub partition: Vec<Partition>,
}

/// Type of a partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionScheme {
    /// Master boot record: up to four partitions, up to 2 TiB.
    Mbr,
    /// GUID partition table (UEFI specification, §5.3).
    Gpt,
}

/// The kernel's Image: kernel, zero padding, initrd, in one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Path of the kernel's ELF file.
    pub kernel: String,
    /// Path of the initrd, a ROMFS image.
    pub initrd: String,
}

/// One partition with a FAT file system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Name stored in a GPT; with an MBR it appears in messages only.
    pub name: String,
    /// Width of the file allocation table.
    pub fat: Fat,
    /// Offset of its first byte on the disk.
    pub start: ByteSize,
    /// Size; without it, the partition extends to the end of the image.
    pub size: Option<ByteSize>,
    /// Whether the boot loader starts from this partition.
    #[serde(default)]
    pub bootable: bool,
    /// Volume label, at most 11 bytes.
    pub label: String,
    /// Path of the payload on this partition; `None` to leave it out.
    pub payload: Option<String>,
    /// Files to copy.
    #[serde(default)]
    pub file: Vec<ImageFile>,
    /// Content of `/extlinux/extlinux.conf`, generated from these keys.
    pub extlinux: Option<Extlinux>,
}

/// Width of a FAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fat {
    /// Up to 65,524 clusters.
    Fat16,
    /// 65,525 clusters and more.
    Fat32,
}

/// A file to copy onto a partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Path on the host.
    pub from: String,
    /// Path on the partition.
    pub to: String,
}

/// Keys of the extlinux.conf that U-Boot's distro boot reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extlinux {
    /// Name of the menu entry.
    pub label: String,
    /// Path of the kernel on the partition.
    pub kernel: String,
    /// Path of the device tree; without it U-Boot passes its own.
    pub fdt: Option<String>,
    /// Boot arguments (`APPEND`).
    #[serde(default)]
    pub append: String,
}
