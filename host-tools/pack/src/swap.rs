//! Replaces the kernel in an image or on a card; all other bytes stay.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::content::OnDisk;
use crate::extlinux::BootMenu;
use crate::fat::volume::{DirectoryEntry, FatVolume};
use crate::inspect::{self, partitions};
use crate::output::{self, Output};
use crate::{PackError, Result, bmap, card, flash};

/// Summary of a replacement.
#[derive(Clone, Debug)]
pub struct Swapped {
    /// Path of the kernel on its volume.
    pub path: String,
    /// Number of its partition, from 1.
    pub partition: usize,
    /// Size in bytes of the old kernel.
    pub before: u64,
}

/// Replaces the kernel that the image's extlinux.conf names, or `/Image`.
pub fn kernel(from: &Path, bytes: &[u8], image: &Path) -> Result<Swapped> {
    if bytes.len() < 64 || bytes[0x38..0x3c] != *b"RSC\x05" {
        return Err(PackError::wrong(
            from,
            "has no Linux Image header: no loader would start it",
        ));
    }
    if let Some(problem) = inspect::problems(bytes).first() {
        return Err(PackError::wrong(from, format!("would not boot: {problem}")));
    }
    flash::refuse_mounted(image)?;
    let target = Target::open(image)?;
    let file = target.file();
    let size = (&mut &*file)
        .seek(SeekFrom::End(0))
        .map_err(PackError::io("read", image))?;
    let (_, partitions) =
        partitions(file, image, size)?.ok_or_else(|| inspect::unknown(file, image, size))?;
    let partition = partitions
        .iter()
        .find(|partition| partition.bootable)
        .or(partitions.first());
    let partition = partition.ok_or_else(|| PackError::wrong(image, "has no partition"))?;
    let number = partition.number;
    let map = old_map(image)?;
    let volume = FatVolume::open(file, image, partition.start)?.ok_or_else(|| {
        PackError::wrong(
            image,
            format!("has no FAT on partition {number}, the one to boot from"),
        )
    })?;
    let entries = volume.entries()?;
    let path = named(&volume, &entries)?;
    let entry = entries
        .iter()
        .find(|entry| !entry.is_directory && entry.path.eq_ignore_ascii_case(&path));
    let entry = entry.ok_or_else(|| {
        let there: Vec<&str> = entries
            .iter()
            .filter(|entry| !entry.is_directory)
            .map(|entry| &*entry.path)
            .collect();
        PackError::wrong(
            image,
            format!(
                "has no {path} on partition {number}; there is {}",
                there.join(", ")
            ),
        )
    })?;
    let before = entry.size;
    target.begin(image)?;
    let spans = volume.replace(entry, bytes)?;
    let renewed = renew(file, image, size, map, &spans)?;
    target.finish(image, renewed)?;
    Ok(Swapped {
        path,
        partition: number,
        before,
    })
}

/// The blocks of the map beside the image; `None` without a map.
fn old_map(image: &Path) -> Result<Option<Vec<(u64, u64)>>> {
    let path = card::beside(image, "bmap");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let map = bmap::parse(&text).ok_or_else(|| {
        PackError::wrong(
            &path,
            "is damaged; delete it, or it will not fit the image that has another kernel",
        )
    })?;
    let spans = map.spans().into_iter();
    let spans = spans.map(|(from, end)| (from, end.saturating_sub(from)));
    Ok(Some(bmap::merged(spans)))
}

/// What is modified: a copy of an image that replaces it at the end, or a card in place.
enum Target {
    Copy(Box<Output>),
    Card(File),
}

impl Target {
    fn open(image: &Path) -> Result<Target> {
        let options = File::options().read(true).write(true).open(image);
        let file = options.map_err(PackError::io("open for writing", image))?;
        let metadata = file.metadata().map_err(PackError::io("read", image))?;
        if !metadata.is_file() {
            return Ok(Target::Card(file));
        }
        let copy = Output::create(image)?;
        copy.copy_of(&file, image)?;
        Ok(Target::Copy(Box::new(copy)))
    }

    fn file(&self) -> &File {
        match self {
            Target::Copy(copy) => copy.file(),
            Target::Card(file) => file,
        }
    }

    /// Deletes map and checksum before the first byte of a card is changed: they describe the old content.
    fn begin(&self, image: &Path) -> Result<()> {
        match self {
            Target::Copy(_) => Ok(()),
            Target::Card(_) => output::delete(&beside(image)),
        }
    }

    fn finish(self, image: &Path, renewed: Vec<Output>) -> Result<()> {
        match self {
            Target::Copy(copy) => output::commit_with(*copy, renewed, &beside(image)),
            Target::Card(file) => {
                file.sync_all().map_err(PackError::io("write", image))?;
                renewed.into_iter().try_for_each(Output::commit)
            }
        }
    }
}

/// Paths of the map and the checksum of an image.
fn beside(image: &Path) -> [PathBuf; 2] {
    ["bmap", "sha256"].map(|extension| card::beside(image, extension))
}

/// Recomputes map and checksum, where the image had them: flashing by the old map would leave out a part of
/// the new kernel.
fn renew(
    file: &File,
    image: &Path,
    size: u64,
    map: Option<Vec<(u64, u64)>>,
    spans: &[(u64, u64)],
) -> Result<Vec<Output>> {
    let disk = OnDisk { file, path: image };
    let [map_path, sum_path] = beside(image);
    let mut renewed = Vec::new();
    if let Some(blocks) = map {
        let old = blocks
            .iter()
            .map(|(first, last)| (first * bmap::BLOCK, (last + 1 - first) * bmap::BLOCK));
        let blocks = bmap::merged(old.chain(spans.iter().copied()));
        let text = bmap::describe(&disk, size, &blocks)?;
        renewed.push(output::begun(&map_path, text.as_bytes())?);
    }
    if sum_path.exists() {
        // Blocks outside of the old map may have changed: the whole image is read.
        let whole = [(0, size.div_ceil(bmap::BLOCK).saturating_sub(1))];
        let sha256 = card::hash(&disk, size, &whole)?;
        let line = card::sum_line(&sha256, image);
        renewed.push(output::begun(&sum_path, line.as_bytes())?);
    }
    Ok(renewed)
}

fn named(volume: &FatVolume, entries: &[DirectoryEntry]) -> Result<String> {
    let conf = entries
        .iter()
        .find(|entry| entry.path.eq_ignore_ascii_case("/extlinux/extlinux.conf"));
    let Some(conf) = conf else {
        return Ok("/Image".into());
    };
    let text = String::from_utf8_lossy(&volume.data(conf)?).into_owned();
    Ok(BootMenu::read(&text, &conf.path)
        .kernel
        .unwrap_or_else(|| "/Image".into()))
}
