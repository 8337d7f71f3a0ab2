//! The words of an image definition.

use boards::ByteSize;
use serde::Deserialize;
use toml::Spanned;

/// A card or disk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The board it boots, by name, or as a file, relative to the definition: its limits hold for the payload.
    pub board: Spanned<String>,
    /// How big the image is.
    pub size: ByteSize,
    /// The partition table.
    pub table: PartitionScheme,
    /// The kernel and what is glued to it.
    pub payload: Payload,
    /// Partitions, in the order of the table.
    #[serde(default)]
    pub partition: Vec<Partition>,
}

/// Kinds of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionScheme {
    /// Master boot record: four partitions, 2 TiB.
    Mbr,
    /// GUID partition table.
    Gpt,
}

/// The kernel's Image: kernel, zero pad to its end in memory, initrd, one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The kernel as an ELF file.
    pub kernel: String,
    /// The initrd, a ROMFS image.
    pub initrd: String,
}

/// A partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Its name in a GPT; in an MBR only for messages.
    pub name: String,
    /// Its file system.
    pub fat: Fat,
    /// Where it begins.
    pub start: ByteSize,
    /// How big it is; without it, as far as the image goes.
    pub size: Option<ByteSize>,
    /// Marked as the one to boot from.
    #[serde(default)]
    pub bootable: bool,
    /// The volume label, at most 11 bytes.
    pub label: String,
    /// The path under which the payload stands here, if it does.
    pub payload: Option<String>,
    /// Files.
    #[serde(default)]
    pub file: Vec<ImageFile>,
    /// `/extlinux/extlinux.conf`, written from this.
    pub extlinux: Option<Extlinux>,
}

/// Widths of a FAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fat {
    /// Up to 65,524 clusters.
    Fat16,
    /// 65,525 clusters and more.
    Fat32,
}

/// A file on a partition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Where it comes from.
    pub from: String,
    /// Its path on the partition.
    pub to: String,
}

/// What U-Boot's distro boot reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extlinux {
    /// The entry's name.
    pub label: String,
    /// Path of the kernel on the partition.
    pub kernel: String,
    /// Path of the device tree; without it U-Boot passes its own.
    pub fdt: Option<String>,
    /// Boot arguments.
    #[serde(default)]
    pub append: String,
}
