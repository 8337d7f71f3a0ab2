//! Writes an image to a card, and verifies it by reading it back.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use crate::content::{OnDisk, ReadAt};
use crate::output::Output;
use crate::{PackError, Progress, Result, bmap, card, inspect};

/// Bytes that are written and compared at a time.
const PIECE: u64 = 1 << 20;
/// Number of attempts for a piece that reads back wrong.
const TRIES: usize = 3;

/// A card, disk or file that can take an image.
#[derive(Debug)]
pub struct FlashMedium {
    path: PathBuf,
    /// The image, unpacked if it was compressed.
    source: container::UnpackedFile,
    /// Capacity in bytes.
    pub size: u64,
    /// Size in bytes of the image to be written.
    pub needs: u64,
    /// Type, model and size, for the confirmation prompt.
    pub description: String,
    is_device: bool,
}

/// What a write did: bytes, pieces written again, and whether a block map chose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flashed {
    /// Bytes written, without repetitions.
    pub written: u64,
    /// Number of pieces that were written more than once.
    pub repeated: u64,
    /// True if only the blocks of a block map were written.
    pub mapped_only: bool,
}

impl FlashMedium {
    /// Examines a target and rejects what must not be overwritten: mounted, used by the system, not
    /// removable, or a partition instead of a disk.
    /// A compressed image is unpacked into a file without a name; `progress` is of that.
    pub fn check(path: &Path, image: &Path, progress: &mut Progress) -> Result<FlashMedium> {
        let metadata = fs::metadata(path).map_err(PackError::io("open", path))?;
        let kind = metadata.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(PackError::wrong(
                path,
                "is neither a block device nor a file",
            ));
        }
        let is_device = kind.is_block_device();
        let description = if is_device {
            check_device(path, &metadata)?
        } else {
            "a file".to_owned()
        };
        let mut file = File::open(path).map_err(PackError::io("open", path))?;
        let size = file
            .seek(SeekFrom::End(0))
            .map_err(PackError::io("read", path))?;
        let from = fs::metadata(image).map_err(PackError::io("read", image))?;
        if !from.is_file() || from.len() == 0 {
            return Err(PackError::wrong(
                image,
                "is not an image: expected a file that is not empty",
            ));
        }
        let source = match container::open_with(image, container::MOST_BYTES, progress) {
            Err(container::UnpackError::File(path, error)) => {
                return Err(PackError::io("read", &path)(error));
            }
            Err(container::UnpackError::Other(path, packing)) => {
                let container::OtherPacking { what, command, .. } = packing;
                let name = path.display();
                let wrong =
                    format!("is not a disk image: it is {what}; unpack it first: {command} {name}");
                return Err(PackError::wrong(&path, wrong));
            }
            other => other?,
        };
        let needs = source.bytes;
        inspect::check_disk(&source.file, image, needs)?;
        if !is_device && (from.dev(), from.ino()) == (metadata.dev(), metadata.ino()) {
            return Err(PackError::wrong(path, "is the image itself"));
        }
        // An empty file has no size yet; it grows to the size of the image.
        if needs > size && (is_device || size > 0) {
            return Err(PackError::NoRoom {
                what: format!("{} on {}", image.display(), path.display()),
                needs,
                has: size,
                way_out: "take a larger card, or lower `size` in the image's definition",
            });
        }
        Ok(FlashMedium {
            path: path.to_owned(),
            source,
            size,
            needs,
            description,
            is_device,
        })
    }

    /// Writes the image, waits until it has left the caches, and compares every byte.
    pub fn flash(&self, image: &Path, progress: &mut Progress) -> Result<Flashed> {
        let (source, size) = (&self.source.file, self.source.bytes);
        let map = self.read_map(image)?;
        let spans = map.clone().unwrap_or_else(|| vec![(0, size)]);
        let spans = &spans;
        let card = |target: &File, progress: &mut Progress| {
            self.write(source, image, target, spans, progress)
        };
        let mut flashed = if self.is_device {
            let mut options = File::options();
            options.read(true).write(true);
            // With O_EXCL the operating system rejects a device that was mounted in the meantime.
            options.custom_flags(rustix::fs::OFlags::EXCL.bits() as i32);
            let target = options.open(&self.path);
            card(
                &target.map_err(PackError::io("open for writing", &self.path))?,
                progress,
            )?
        } else {
            let old = File::open(&self.path).map_err(PackError::io("read", &self.path))?;
            let copy = Output::create(&self.path)?;
            copy.copy_of(&old, &self.path)?;
            copy.set_size(self.size.max(size))?;
            let flashed = card(copy.file(), progress)?;
            copy.commit()?;
            flashed
        };
        flashed.mapped_only = map.is_some();
        Ok(flashed)
    }

    /// Writes the spans, and compares them with what the target returns.
    fn write(
        &self,
        source: &File,
        image: &Path,
        target: &File,
        spans: &[(u64, u64)],
        progress: &mut Progress,
    ) -> Result<Flashed> {
        let pieces: Vec<(u64, u64)> = spans
            .iter()
            .flat_map(|&(from, end)| pieces(from, end))
            .collect();
        let total: u64 = pieces.iter().map(|(_, bytes)| bytes * 2).sum();
        let mut done = 0;
        let mut buffer = vec![0; PIECE as usize];
        for &(at, bytes) in &pieces {
            self.copy(source, image, target, at, &mut buffer[..bytes as usize])?;
            done += bytes;
            progress(done, total);
        }
        self.settle(target)?;
        let mut repeated = 0;
        let mut back = vec![0; PIECE as usize];
        for &(at, bytes) in &pieces {
            let (buffer, back) = (&mut buffer[..bytes as usize], &mut back[..bytes as usize]);
            repeated += self.verify(source, image, target, at, buffer, back)?;
            done += bytes;
            progress(done, total);
        }
        Ok(Flashed {
            written: total / 2,
            repeated,
            mapped_only: false,
        })
    }

    fn copy(
        &self,
        source: &File,
        image: &Path,
        target: &File,
        at: u64,
        buffer: &mut [u8],
    ) -> Result<()> {
        source
            .read_exact_at(buffer, at)
            .map_err(PackError::io("read", image))?;
        target
            .write_all_at(buffer, at)
            .map_err(PackError::io("write", &self.path))
    }

    /// Drops the page cache, so that the comparison reads from the card.
    fn settle(&self, target: &File) -> Result<()> {
        target
            .sync_all()
            .map_err(PackError::io("write", &self.path))?;
        fadvise(target, 0, None, Advice::DontNeed).map_err(|error| PackError::Io {
            action: "read back",
            path: self.path.clone(),
            source: error.into(),
        })
    }

    fn verify(
        &self,
        source: &File,
        image: &Path,
        target: &File,
        at: u64,
        buffer: &mut [u8],
        back: &mut [u8],
    ) -> Result<u64> {
        source
            .read_exact_at(buffer, at)
            .map_err(PackError::io("read", image))?;
        for tried in 0..=TRIES {
            target
                .read_exact_at(back, at)
                .map_err(PackError::io("read back", &self.path))?;
            if buffer == back {
                return Ok(u64::from(tried > 0));
            }
            if tried < TRIES {
                self.copy(source, image, target, at, buffer)?;
                self.settle(target)?;
            }
        }
        let first = buffer
            .iter()
            .zip(back.iter())
            .position(|(wanted, read)| wanted != read)
            .unwrap_or(0) as u64;
        Err(PackError::wrong(
            &self.path,
            format!(
                "reads back other bytes than were written at offset {:#x}, {TRIES} times: the card or its reader is broken",
                at + first
            ),
        ))
    }
}

fn pieces(from: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    (from..end)
        .step_by(PIECE as usize)
        .map(move |at| (at, (end - at).min(PIECE)))
}

impl FlashMedium {
    /// The spans of the map beside the image; `None` without a map. A map that does not match the image is an
    /// error: writing by it would leave parts out.
    fn read_map(&self, image: &Path) -> Result<Option<Vec<(u64, u64)>>> {
        let (source, size) = (&self.source.file, self.source.bytes);
        // Beside x.img.xz there is x.img.xz.bmap or, as bmaptool writes it, x.img.bmap.
        let unpacked = self.source.packing.map(|_| image.with_extension(""));
        let beside = [Some(image.to_owned()), unpacked].into_iter().flatten();
        let read = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, text));
        let mut maps = beside.filter_map(|path| read(card::beside(&path, "bmap")));
        let Some((path, text)) = maps.next() else {
            return Ok(None);
        };
        let wrong = |what: String| PackError::wrong(&path, what);
        let map = bmap::parse(&text).ok_or_else(|| {
            wrong("is damaged, or no block map that is known here; delete it or build the image again".into())
        })?;
        if map.size != size {
            return Err(wrong(format!(
                "is the map of an image of {} bytes, not of {size}; delete it or build the image again",
                map.size
            )));
        }
        let spans = map.spans();
        if spans.iter().any(|(from, end)| from >= end) {
            return Err(wrong("lists blocks beyond the image".into()));
        }
        let disk = OnDisk {
            file: source,
            path: image,
        };
        for range in &map.ranges {
            let (first, last) = (range.first, range.last);
            let is_other = match &range.sum {
                Some(sum) => map.hash(&disk, range)? != *sum,
                None => false,
            };
            if is_other {
                return Err(wrong(format!(
                    "is not of this image: blocks {first} to {last} hold something else; delete it or build the image again"
                )));
            }
        }
        if map.ranges.iter().any(|range| range.sum.is_none())
            && let Some(at) = first_left_out(&disk, &spans, size)?
        {
            return Err(wrong(format!(
                "is not of this image: it leaves out what is at offset {at:#x}; delete it or build the image again"
            )));
        }
        Ok(Some(spans))
    }
}

/// The first offset with something else than a zero that no span has: what a map without checksums is judged by.
fn first_left_out(disk: &OnDisk<'_>, spans: &[(u64, u64)], size: u64) -> Result<Option<u64>> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let (mut at, mut found) = (0, None);
    for (from, end) in sorted.into_iter().chain([(size, size)]) {
        let mut buffer = vec![0; PIECE as usize];
        for (piece, bytes) in pieces(at, from) {
            disk.see(&mut buffer[..bytes as usize], piece, &mut |bytes| {
                let place = bytes.iter().position(|byte| *byte != 0);
                found = found.or(place.map(|place| piece + place as u64));
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        at = end.max(at);
    }
    Ok(None)
}

/// Rejects a device that is mounted or has a mounted partition. Regular files pass.
pub fn refuse_mounted(path: &Path) -> Result<()> {
    let metadata = fs::metadata(path).map_err(PackError::io("open", path))?;
    if !metadata.file_type().is_block_device() {
        return Ok(());
    }
    let folder = device_folder(path, &metadata)?;
    for number in numbers(&folder) {
        if let Some(place) = mounted_at(&number) {
            return Err(PackError::Mounted {
                device: path.to_owned(),
                at: place.to_string(),
            });
        }
        if is_swap(&number) {
            return Err(PackError::Swap(path.to_owned()));
        }
    }
    Ok(())
}

/// Describes a device for the user; an error if it must not be written.
fn check_device(path: &Path, metadata: &fs::Metadata) -> Result<String> {
    let folder = device_folder(path, metadata)?;
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if folder.join("partition").exists() {
        return Err(PackError::wrong(
            path,
            "is a partition; the image has a table of its own, so name the whole disk",
        ));
    }
    refuse_mounted(path)?;
    if fs::read_dir(folder.join("holders")).is_ok_and(|mut holders| holders.next().is_some()) {
        return Err(PackError::wrong(
            path,
            "is part of something else (LVM, RAID or encryption): it is the system's",
        ));
    }
    let read = |file: &str| {
        fs::read_to_string(folder.join(file))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let is_loop = name.starts_with("loop");
    let is_sd = read("device/type") == "SD";
    let is_usb = fs::canonicalize(folder.join("device"))
        .is_ok_and(|device| device.to_string_lossy().contains("/usb"));
    if read("removable") != "1" && !is_loop && !is_sd && !is_usb {
        return Err(PackError::wrong(
            path,
            "is not removable: no card, no USB reader. Nothing was written",
        ));
    }
    let model = [
        read("device/vendor"),
        read("device/model"),
        read("device/name"),
    ]
    .join(" ");
    Ok(
        match model.split_whitespace().collect::<Vec<_>>().join(" ") {
            model if model.is_empty() => format!("{name}, without a model name"),
            model => model,
        },
    )
}

fn device_folder(path: &Path, metadata: &fs::Metadata) -> Result<PathBuf> {
    let number = metadata.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let link = format!("/sys/dev/block/{major}:{minor}");
    fs::canonicalize(&link).map_err(|_| {
        PackError::wrong(
            path,
            format!("is a device without an entry at {link}: writing to it may not be safe"),
        )
    })
}

/// Device numbers of a disk and its partitions.
fn numbers(folder: &Path) -> Vec<String> {
    let read = |folder: &Path| {
        fs::read_to_string(folder.join("dev"))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let below = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| read(&entry.path()));
    read(folder).into_iter().chain(below).collect()
}

fn mounted_at(number: &str) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(number))?;
    mount.split(' ').nth(4).map(str::to_owned)
}

fn is_swap(number: &str) -> bool {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let devices = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    devices
        .filter_map(|path| fs::metadata(path).ok())
        .any(|metadata| {
            let device = metadata.rdev();
            format!(
                "{}:{}",
                rustix::fs::major(device),
                rustix::fs::minor(device)
            ) == number
        })
}
