//! Inspects an image: its parts, and whether a board can boot it.

mod image;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use boards::Board;
use model::ImageLayout;
use model::layout::ImagePart;

pub(crate) use self::image::problems;
use crate::extlinux::BootMenu;
use crate::fat::volume::{DirectoryEntry, FatVolume};
use crate::{PackError, Result, gpt, magic, mbr};

/// A partition as its table describes it.
#[derive(Clone, Debug)]
pub struct FoundPartition {
    /// Number, from 1.
    pub number: usize,
    /// Offset of its first byte.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
    /// Active flag of an MBR entry, or legacy-bootable attribute of a GPT entry.
    pub bootable: bool,
    /// Type in an MBR, name in a GPT.
    pub what: String,
}

impl FoundPartition {
    /// Number of its bytes behind the end of an image of `size` bytes.
    fn missing(&self, size: u64) -> u64 {
        let end = self.start.saturating_add(self.size);
        end.saturating_sub(size).min(self.size)
    }
}

/// Inspects a card image or an Image file, compressed or not; with `board`, its limits are checked too.
pub fn inspect(path: &Path, board: Option<&Board>) -> Result<ImageLayout> {
    let container::UnpackedFile {
        file,
        bytes: size,
        packing,
    } = opened(path)?;
    let mut layout = ImageLayout {
        size,
        board: board.map(|board| board.title.clone()),
        ..ImageLayout::default()
    };
    if let Some(packing) = packing {
        layout
            .facts
            .push(("compressed".into(), packing.to_string()));
    }
    let mut head = vec![0; size.min(64) as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(PackError::io("read", path))?;
    if head.len() == 64 && head[0x38..0x3c] == *b"RSC\x05" {
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, 0)
            .map_err(PackError::io("read", path))?;
        image::kernel(&bytes, 0, board, &mut layout);
        return Ok(layout);
    }
    let partitions = partitions(&file, path, size)?;
    let Some((table, partitions)) = partitions else {
        return Err(unknown(&file, path, size));
    };
    layout.facts.push(("table".into(), table.into()));
    if table.starts_with("GPT") {
        let read = gpt::read(&file, size).map_err(PackError::io("read", path))?;
        // With a good backup U-Boot goes on, after it has said that the primary table is damaged.
        let problems = read.problems.iter().map(|it| (*it).to_owned());
        match read.is_backup {
            true => layout.facts.push((
                "primary table".into(),
                problems.collect::<Vec<_>>().join("; "),
            )),
            false => layout.problems.extend(problems),
        }
    }
    let mut is_cut = false;
    for partition in &partitions {
        let active = if partition.bootable { ", active" } else { "" };
        let what = format!("partition {}: {}{active}", partition.number, partition.what);
        layout.parts.push(ImagePart {
            what,
            at: partition.start,
            size: partition.size,
        });
        let missing = partition.missing(size);
        if missing > 0 {
            is_cut = true;
            layout.problems.push(format!(
                "partition {} ends beyond the image: it is cut off, {} missing",
                partition.number,
                model::counted(missing, "byte is", "bytes are")
            ));
        }
        present(list(&file, path, partition, &mut layout), is_cut)?;
    }
    let chain = boot_chain(&file, path, &partitions, board, &mut layout);
    if !present(chain, is_cut)? {
        let problem = "what the board would load lies behind the end of the image";
        layout.problems.push(problem.into());
    }
    Ok(layout)
}

/// Opens an image, unpacked if it is compressed.
pub fn opened(path: &Path) -> Result<container::UnpackedFile> {
    match container::open(path) {
        Ok(opened) => Ok(opened),
        Err(container::UnpackError::File(path, error)) => Err(PackError::io("read", &path)(error)),
        Err(other) => Err(other.into()),
    }
}

/// Whether a step found all it needed. In an image that is cut off, what lies behind its end is no error: the
/// image is one.
fn present(step: Result<()>, is_cut: bool) -> Result<bool> {
    match step {
        Ok(()) => Ok(true),
        Err(PackError::Io { source, .. })
            if is_cut && source.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            Ok(false)
        }
        Err(other) => Err(other),
    }
}

/// Name of the partition table and its partitions; a volume without a table counts as one partition.
pub fn partitions(
    file: &File,
    path: &Path,
    size: u64,
) -> Result<Option<(&'static str, Vec<FoundPartition>)>> {
    let mut head = vec![0; (34 * mbr::SECTOR).min(size) as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(PackError::io("read", path))?;
    if FatVolume::open(file, path, 0)?.is_some() {
        let whole = FoundPartition {
            number: 1,
            start: 0,
            size,
            bootable: true,
            what: "the whole".into(),
        };
        return Ok(Some(("none, one volume", vec![whole])));
    }
    // A FAT boot sector ends in 55 AA as an MBR does, and its code often has zeros where the table would be.
    if magic::boot_sector(&head).is_some() {
        return Ok(None);
    }
    let Some(entries) = mbr::decode(&head) else {
        return Ok(None);
    };
    if entries.iter().any(|entry| entry.kind == mbr::PROTECTIVE) {
        let read = gpt::read(file, size).map_err(PackError::io("read", path))?;
        let name = match read.is_backup {
            true => "GPT, its backup at the end",
            false => "GPT",
        };
        let partitions = read
            .entries
            .into_iter()
            .enumerate()
            .map(|(at, entry)| FoundPartition {
                number: at + 1,
                start: entry.start.saturating_mul(mbr::SECTOR),
                size: entry.sectors.saturating_mul(mbr::SECTOR),
                bootable: entry.bootable,
                what: format!("`{}`", entry.name),
            });
        return Ok(Some((name, partitions.collect())));
    }
    let partitions = entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| FoundPartition {
            number: at + 1,
            start: u64::from(entry.start) * mbr::SECTOR,
            size: u64::from(entry.sectors) * mbr::SECTOR,
            bootable: entry.active,
            what: format!("type {:#04x}", entry.kind),
        });
    Ok(Some(("MBR", partitions.collect())))
}

/// The error for a file that is not a card image: its type, and the command that reads it.
pub fn unknown(file: &File, path: &Path, size: u64) -> PackError {
    let mut head = vec![0; size.min(magic::HEAD as u64) as usize];
    if let Err(error) = file.read_exact_at(&mut head, 0) {
        return PackError::io("read", path)(error);
    }
    if let Some((name, way_out)) = magic::name(&head) {
        return PackError::wrong(path, format!("is {name}; {way_out}"));
    }
    if let Some(name) = magic::other_disk(&head) {
        let what =
            format!("is a {name} volume without a partition table; FAT16 and FAT32 are read here");
        return PackError::wrong(path, what);
    }
    PackError::wrong(
        path,
        "holds no Image header, no MBR or GPT, and no FAT: nothing that is known here",
    )
}

/// Checks that a file may start a card: it has a partition table with a partition, or a file system. The
/// error names what it is instead.
pub fn check_disk(file: &File, path: &Path, size: u64) -> Result<()> {
    let mut head = vec![0; size.min(magic::HEAD as u64) as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(PackError::io("read", path))?;
    let refused = |what: String| {
        Err(PackError::wrong(
            path,
            format!("is not a disk image: {what}"),
        ))
    };
    if let Some((name, way_out)) = magic::name(&head) {
        return refused(format!("it is {name}; {way_out}"));
    }
    if magic::other_disk(&head).is_some() {
        return Ok(());
    }
    match partitions(file, path, size)? {
        Some((_, partitions)) if partitions.is_empty() => {
            refused("its partition table has no partition".into())
        }
        Some((_, partitions)) => match partitions.iter().map(|it| it.missing(size)).max() {
            Some(missing @ 1..) => {
                let whole = partitions
                    .iter()
                    .map(|it| it.start.saturating_add(it.size))
                    .max();
                refused(format!(
                    "its partition table reaches to byte {}, {missing} behind the end of its {size}; it was cut off",
                    whole.unwrap_or_default()
                ))
            }
            _ => Ok(()),
        },
        None => refused("it begins with no partition table (MBR, GPT) and no file system".into()),
    }
}

fn list(
    file: &File,
    path: &Path,
    partition: &FoundPartition,
    layout: &mut ImageLayout,
) -> Result<()> {
    let Some(volume) = FatVolume::open(file, path, partition.start)? else {
        return Ok(());
    };
    let name = format!("volume {}", partition.number);
    layout.facts.push((
        name,
        format!("{} `{}`, id {:08x}", volume.kind(), volume.label, volume.id),
    ));
    for entry in volume.entries()?.iter().filter(|entry| !entry.is_directory) {
        let part = ImagePart {
            what: format!("  {}", entry.path),
            at: volume.place(entry),
            size: entry.size,
        };
        layout.parts.push(part);
    }
    Ok(())
}

/// Follows U-Boot's distro boot: the bootable partition, its extlinux.conf, the files it names.
fn boot_chain(
    file: &File,
    path: &Path,
    partitions: &[FoundPartition],
    board: Option<&Board>,
    layout: &mut ImageLayout,
) -> Result<()> {
    let Some(partition) = partitions
        .iter()
        .find(|partition| partition.bootable)
        .or(partitions.first())
    else {
        layout.problems.push("there is no partition".into());
        return Ok(());
    };
    let number = partition.number;
    let Some(volume) = FatVolume::open(file, path, partition.start)? else {
        let mut sector = [0; mbr::SECTOR as usize];
        let read = file.read_exact_at(&mut sector, partition.start);
        let what = match magic::boot_sector(&sector).filter(|_| read.is_ok()) {
            Some(name @ ("FAT16" | "FAT32")) => format!("a damaged {name}"),
            Some(name) => format!("{name}: FAT16 and FAT32 are read here"),
            None => "no FAT that is known here".to_owned(),
        };
        layout.problems.push(format!(
            "partition {number}, which U-Boot would look at, has {what}"
        ));
        return Ok(());
    };
    let entries = volume.entries()?;
    let find = |wanted: &str| find(&entries, wanted);
    let Some(conf) = find("/extlinux/extlinux.conf").or(find("/boot/extlinux/extlinux.conf"))
    else {
        layout
            .problems
            .push(format!("partition {number} has no extlinux/extlinux.conf"));
        return Ok(());
    };
    let text = String::from_utf8_lossy(&volume.data(conf)?).into_owned();
    let extlinux = BootMenu::read(&text, &conf.path);
    layout.facts.push((
        "boots".into(),
        format!(
            "{} of {}",
            extlinux.kernel.as_deref().unwrap_or("nothing"),
            conf.path
        ),
    ));
    match extlinux
        .kernel
        .as_deref()
        .map(|kernel| (kernel, find(kernel)))
    {
        None => layout
            .problems
            .push(format!("{} names no kernel", conf.path)),
        Some((kernel, None)) => layout
            .problems
            .push(format!("kernel {kernel} is not on partition {number}")),
        Some((_, Some(entry))) => {
            let at = volume.place(entry);
            image::kernel(&volume.data(entry)?, at, board, layout);
        }
    }
    if let Some(fdt) = &extlinux.fdt {
        match find(fdt) {
            None => {
                let problem = format!("device tree {fdt} is not on partition {number}");
                layout.problems.push(problem);
            }
            Some(entry) if !is_tree(&volume.data(entry)?) => {
                let problem = format!(
                    "{fdt} is not a device tree: wrong magic, or shorter than its stated length"
                );
                layout.problems.push(problem);
            }
            Some(_) => {}
        }
    }
    // Only a board with a fixed device-tree address has a U-Boot without ramdisk_addr_r.
    if let Some(board) = board.filter(|board| board.boot.dtb_address.is_some()) {
        if extlinux.initrd {
            layout.problems.push(format!(
                "extlinux.conf has an INITRD line: {}'s U-Boot has no ramdisk_addr_r and skips the entry",
                board.title
            ));
        }
        if extlinux.fdt.is_none() {
            layout.problems.push(
                "extlinux.conf has no FDT line: the kernel would get U-Boot's own tree".into(),
            );
        }
    }
    Ok(())
}

fn find<'a>(entries: &'a [DirectoryEntry], wanted: &str) -> Option<&'a DirectoryEntry> {
    entries
        .iter()
        .find(|entry| !entry.is_directory && entry.path.eq_ignore_ascii_case(wanted))
}

/// True for a flattened device tree: the magic, and at least the stated length (Devicetree specification,
/// §5.2).
fn is_tree(bytes: &[u8]) -> bool {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    word(0) == Some(0xd00d_feed) && word(4).is_some_and(|size| size as usize <= bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_known_by_its_magic_and_its_length() {
        let mut tree = vec![0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 12, 1, 2, 3, 4];
        assert!(is_tree(&tree));
        tree.pop();
        assert!(!is_tree(&tree));
        assert!(!is_tree(b"no tree at all") && !is_tree(b""));
    }
}
