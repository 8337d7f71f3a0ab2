//! FAT16 and FAT32 volumes, built in one pass: every file and directory is one contiguous run of clusters.
//! Layout: Microsoft, "FAT: General Overview of On-Disk Format", 1.03.

mod directory;
mod geometry;
mod names;
pub mod volume;

pub use geometry::{FatWidth, Geometry};

use crate::content::{Content, Extent};
use crate::{PackError, Result};
use directory::{Directory, EntryPlace};

/// Sector size in bytes.
pub const SECTOR: u64 = 512;

/// A file and its path on the volume, such as `/extlinux/extlinux.conf`.
#[derive(Clone, Debug)]
pub struct FatFile {
    /// Absolute path, with `/` between names.
    pub path: String,
    /// The file's bytes.
    pub content: Content,
}

/// Parameters of a volume to build.
#[derive(Clone, Debug)]
pub struct VolumeWriter<'a> {
    /// Name of the partition, for messages.
    pub name: &'a str,
    /// Width of FAT entries.
    pub width: FatWidth,
    /// Offset of the volume on the disk, in bytes.
    pub start: u64,
    /// Size of the volume in bytes.
    pub size: u64,
    /// Volume label, at most 11 bytes.
    pub label: &'a str,
    /// Files to place on it.
    pub files: &'a [FatFile],
}

/// A file's location on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// Path on the volume.
    pub path: String,
    /// Offset on the disk, in bytes.
    pub at: u64,
    /// Size in bytes.
    pub size: u64,
}

/// A volume ready to be written.
#[derive(Debug)]
pub struct Volume {
    /// Content by offset on the disk; bytes between extents are not significant.
    pub extents: Vec<Extent>,
    /// Offset on the disk and size in bytes of each file, in the order given.
    pub files: Vec<Laid>,
    /// Volume id, derived from the content.
    pub id: u32,
    /// Free data space in bytes.
    pub free: u64,
}

/// Builds a volume; fails if the files do not fit or a name is invalid.
pub fn build(plan: &VolumeWriter) -> Result<Volume> {
    let geometry = Geometry::new(plan)?;
    let label = label(plan)?;
    let mut root = Directory::default();
    for (number, file) in plan.files.iter().enumerate() {
        let size = file.content.size();
        if size > u64::from(u32::MAX) {
            return Err(PackError::FileTooLarge {
                path: file.path.clone(),
                size,
            });
        }
        root.insert(&file.path, number)
            .map_err(|source| PackError::FatName {
                partition: plan.name.to_owned(),
                source,
            })?;
    }
    let mut clusters = Clusters {
        geometry: &geometry,
        next: 2,
        entries: Vec::new(),
    };
    let root_bytes = root.encoded_bytes(true);
    if let Some(room) = geometry.fixed_root_bytes()
        && root_bytes > room
    {
        return Err(PackError::RootFull {
            partition: plan.name.to_owned(),
            entries: room / 32,
            needed: root_bytes / 32,
        });
    }
    let root_place = match geometry.width {
        FatWidth::Fat16 => EntryPlace {
            cluster: 0,
            size: root_bytes,
        },
        FatWidth::Fat32 => EntryPlace {
            cluster: clusters.take(root_bytes),
            size: root_bytes,
        },
    };
    let mut places = vec![EntryPlace::default(); plan.files.len()];
    root.place(
        root_place,
        &mut |bytes| clusters.take(bytes),
        plan.files,
        &mut places,
    );
    let used = clusters.next - 2;
    if used > geometry.clusters {
        let cluster = geometry.cluster_bytes();
        return Err(no_room(
            plan,
            u64::from(used) * cluster,
            u64::from(geometry.clusters) * cluster,
        ));
    }
    let id = id(plan, &root)?;
    // A hole in this image is old data on a card that was used before. Every entry of both FATs and of every
    // directory is significant, so their zeros are written too.
    let mut extents = vec![Extent {
        at: plan.start,
        content: Content::Zeros(geometry.byte_of(2)),
    }];
    extents.extend(geometry.system_extents(plan.start, id, &label, used));
    let table = Content::bytes(clusters.table());
    for copy in 0..2 {
        let at = plan.start + geometry.fat_start(copy) * SECTOR;
        extents.push(Extent {
            at,
            content: table.clone(),
        });
    }
    root.emit(root_place, root_place, Some(&label), &mut |place, bytes| {
        let at = plan.start + geometry.byte_of(place.cluster);
        let whole = (bytes.len() as u64).next_multiple_of(geometry.cluster_bytes());
        extents.push(Extent {
            at,
            content: Content::Zeros(whole),
        });
        extents.push(Extent {
            at,
            content: Content::bytes(bytes),
        });
    });
    let mut files = Vec::new();
    for (file, place) in plan.files.iter().zip(&places) {
        let at = plan.start + geometry.byte_of(place.cluster);
        files.push(Laid {
            path: file.path.clone(),
            at,
            size: place.size,
        });
        if place.size > 0 {
            extents.push(Extent {
                at,
                content: file.content.clone(),
            });
        }
    }
    let free = u64::from(geometry.clusters - used) * geometry.cluster_bytes();
    Ok(Volume {
        extents,
        files,
        id,
        free,
    })
}

fn no_room(plan: &VolumeWriter, needs: u64, has: u64) -> PackError {
    PackError::NoRoom {
        what: format!("the files of partition `{}`", plan.name),
        needs,
        has,
        way_out: "raise the partition's size, or the image's if the partition takes the rest of it",
    }
}

/// The label as 11 bytes, padded with spaces.
fn label(plan: &VolumeWriter) -> Result<[u8; 11]> {
    let mut label = [b' '; 11];
    let fine =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" -_".contains(&byte);
    if plan.label.is_empty() || plan.label.len() > 11 || !plan.label.bytes().all(fine) {
        return Err(PackError::BadLabel(plan.label.to_owned()));
    }
    label[..plan.label.len()].copy_from_slice(plan.label.as_bytes());
    Ok(label)
}

/// Derived from names and content, so that cards with different content have different ids.
fn id(plan: &VolumeWriter, root: &Directory) -> Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    sum.update(plan.label.as_bytes());
    sum.update(&plan.size.to_le_bytes());
    for number in root.numbers() {
        let file = &plan.files[number];
        sum.update(file.path.as_bytes());
        sum.update(&file.content.size().to_le_bytes());
        file.content.sum(&mut sum)?;
    }
    Ok(sum.finalize())
}

/// Allocates contiguous runs of clusters and records their chains.
struct Clusters<'a> {
    geometry: &'a Geometry,
    next: u32,
    entries: Vec<u32>,
}

impl Clusters<'_> {
    /// Allocates a run for that many bytes and returns its first cluster; 0 for no bytes.
    fn take(&mut self, bytes: u64) -> u32 {
        let count = bytes.div_ceil(self.geometry.cluster_bytes()) as u32;
        if count == 0 {
            return 0;
        }
        let first = self.next;
        self.next = self.next.saturating_add(count);
        // Nothing is written beyond the end of the volume; the caller checks the total.
        if self.next - 2 <= self.geometry.clusters {
            self.entries.extend(first + 1..self.next);
            self.entries.push(self.geometry.width.end_of_chain());
        }
        first
    }

    fn table(&self) -> Vec<u8> {
        let width = self.geometry.width;
        let head = [width.media_entry(), width.clean_entry()];
        let entries = head.iter().chain(&self.entries);
        match width {
            FatWidth::Fat16 => entries
                .flat_map(|&entry| (entry as u16).to_le_bytes())
                .collect(),
            FatWidth::Fat32 => entries.flat_map(|&entry| entry.to_le_bytes()).collect(),
        }
    }
}
