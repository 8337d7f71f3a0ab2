//! Builds a card: image, block map and checksum from a definition and its files.

use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use boards::Board;
use images::{Extlinux, Fat, Image, Partition, PartitionScheme};
use model::layout::ImagePart;
use sha2::{Digest, Sha256};

use crate::content::{Content, Extent, Planned, ReadAt};
use crate::fat::{self, FatWidth, VolumeWriter};
use crate::output::{self, Output};
use crate::payload::{self, LoadedPayload};
use crate::{PackError, Progress, Result, bmap, gpt, mbr};

/// Summary of a build.
#[derive(Clone, Debug)]
pub struct BuiltCard {
    /// Size of the image in bytes.
    pub size: u64,
    /// Bytes that must be written to a card, in whole blocks.
    pub mapped: u64,
    /// The parts of the image, in order of offset.
    pub parts: Vec<ImagePart>,
    /// SHA-256 of the image; `None` unless it was requested.
    pub sha256: Option<String>,
}

/// Builds the image of a definition for its `board` at `to`, with `.bmap` beside it, and `.sha256` if `sum`
/// is set. The checksum is most of the work.
pub fn build(
    image: &Image,
    board: &Board,
    to: &Path,
    sum: bool,
    progress: &mut Progress,
) -> Result<BuiltCard> {
    let payload = payload::build(
        Path::new(&image.payload.kernel),
        Path::new(&image.payload.initrd),
    )?;
    payload::check_limit(payload.record.file_size, board)?;
    let (extents, parts) = lay_out(image, &payload)?;
    let output = Output::create(to)?.rebuildable();
    let size = image.size.0;
    output.set_size(size)?;
    let blocks = bmap::blocks(&extents);
    let planned = &Planned::new(&extents)?;
    let hashed = || bmap::describe(planned, size, &blocks);
    let summed = || sum.then(|| hash(planned, size, &blocks)).transpose();
    // The content is still in memory or cached, so hashing does not wait for the disk.
    let (map, sha256) = thread::scope(|scope| -> Result<_> {
        let (hashed, summed) = (scope.spawn(hashed), scope.spawn(summed));
        output.write(&extents, progress)?;
        Ok((joined(hashed)?, joined(summed)?))
    })?;
    commit(output, to, &map, sha256.as_deref())?;
    let mapped = blocks
        .iter()
        .map(|(first, last)| (last - first + 1) * bmap::BLOCK)
        .sum();
    Ok(BuiltCard {
        size: image.size.0,
        mapped,
        parts,
        sha256,
    })
}

/// Commits the image, and beside it the map and the checksum; nothing is written beside a stream.
fn commit(image: Output, to: &Path, map: &str, sha256: Option<&str>) -> Result<()> {
    if !image.is_file() {
        return image.commit();
    }
    let [map_path, sum_path] = ["bmap", "sha256"].map(|extension| beside(to, extension));
    let mut described = vec![output::begun(&map_path, map.as_bytes())?.rebuildable()];
    if let Some(sha256) = sha256 {
        let line = sum_line(sha256, to);
        described.push(output::begun(&sum_path, line.as_bytes())?.rebuildable());
    }
    output::commit_with(image, described, &[map_path, sum_path])
}

fn joined<T>(worker: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    worker
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Appends an extension: `card.img` and `bmap` give `card.img.bmap`.
pub fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// One line in the format of `sha256sum -c`.
pub(crate) fn sum_line(sha256: &str, image: &Path) -> String {
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    format!("{sha256}  {name}\n")
}

/// SHA-256 of the whole image. Only `blocks` are read: all others are zeros.
pub(crate) fn hash(image: &impl ReadAt, size: u64, blocks: &[(u64, u64)]) -> Result<String> {
    const PIECE: u64 = 1 << 16;
    let zeros = vec![0; PIECE as usize];
    let mut piece = vec![0; PIECE as usize];
    let mut hash = Sha256::new();
    let mut at = 0;
    let ends = blocks
        .iter()
        .map(|&(first, last)| (first * bmap::BLOCK, ((last + 1) * bmap::BLOCK).min(size)));
    for (from, end) in ends.chain([(size, size)]) {
        while at < from {
            let count = (from - at).min(PIECE);
            hash.update(&zeros[..count as usize]);
            at += count;
        }
        while at < end {
            let piece = &mut piece[..(end - at).min(PIECE) as usize];
            image.see(piece, at, &mut |bytes| hash.update(bytes))?;
            at += piece.len() as u64;
        }
    }
    Ok(bmap::hex(&hash.finalize()))
}

fn lay_out(image: &Image, payload: &LoadedPayload) -> Result<(Vec<Extent>, Vec<ImagePart>)> {
    let size = image.size.0;
    let ends = if image.table == PartitionScheme::Gpt {
        (gpt::SECTORS + 1) * mbr::SECTOR
    } else {
        mbr::SECTOR
    };
    let back = if image.table == PartitionScheme::Gpt {
        gpt::SECTORS * mbr::SECTOR
    } else {
        0
    };
    if size < ends + back {
        return Err(PackError::NoRoom {
            what: format!("the {} table", name_of(image.table)),
            needs: ends + back,
            has: size,
            way_out: "raise the image's `size`",
        });
    }
    let mut extents = Vec::new();
    let mut parts = vec![ImagePart {
        what: format!("{} table", name_of(image.table)),
        at: 0,
        size: ends,
    }];
    let mut spans: Vec<(u64, u64)> = Vec::new();
    let mut seed = Sha256::new();
    for partition in &image.partition {
        let (start, end) = span(partition, size - back, size)?;
        if start < ends || spans.iter().any(|&(from, to)| start < to && from < end) {
            return Err(PackError::Overlap {
                partition: partition.name.clone(),
                start,
                end,
            });
        }
        spans.push((start, end));
        let volume = volume(partition, start, end - start, payload, &mut parts)?;
        seed.update(volume.id.to_le_bytes());
        extents.extend(volume.extents);
    }
    let seed: [u8; 32] = seed.finalize().into();
    extents.extend(table(image, &spans, &seed)?);
    Ok((extents, parts))
}

fn name_of(table: PartitionScheme) -> &'static str {
    match table {
        PartitionScheme::Mbr => "MBR",
        PartitionScheme::Gpt => "GPT",
    }
}

/// Offset of the first byte of a partition, and of the byte past its end.
fn span(partition: &Partition, limit: u64, size: u64) -> Result<(u64, u64)> {
    let start = partition.start.0;
    let end = partition
        .size
        .map_or(limit, |bytes| start.saturating_add(bytes.0));
    if start >= end && end <= limit {
        let name = partition.name.clone();
        return Err(match partition.size {
            Some(_) => PackError::EmptyPartition(name),
            None => PackError::NothingLeft {
                partition: name,
                start,
                limit,
            },
        });
    }
    if end > limit {
        return Err(PackError::NoRoom {
            what: format!("partition `{}`", partition.name),
            needs: end.saturating_add(size - limit),
            has: size,
            way_out: "raise the image's `size`",
        });
    }
    Ok((start, end))
}

fn volume(
    partition: &Partition,
    start: u64,
    size: u64,
    payload: &LoadedPayload,
    parts: &mut Vec<ImagePart>,
) -> Result<fat::Volume> {
    let mut files = Vec::new();
    if let Some(path) = &partition.payload {
        files.push(fat::FatFile {
            path: path.clone(),
            content: payload.content.clone(),
        });
    }
    for file in &partition.file {
        files.push(fat::FatFile {
            path: file.to.clone(),
            content: Content::file(Path::new(&file.from))?,
        });
    }
    if let Some(extlinux) = &partition.extlinux {
        check_extlinux(extlinux, &files, &partition.name)?;
        let content = Content::bytes(extlinux_conf(extlinux).into_bytes());
        files.push(fat::FatFile {
            path: "/extlinux/extlinux.conf".into(),
            content,
        });
    }
    let width = match partition.fat {
        Fat::Fat16 => FatWidth::Fat16,
        Fat::Fat32 => FatWidth::Fat32,
    };
    let plan = VolumeWriter {
        name: &partition.name,
        width,
        start,
        size,
        label: &partition.label,
        files: &files,
    };
    let volume = fat::build(&plan)?;
    let active = if partition.bootable { ", active" } else { "" };
    let kind = format!("{width:?}").to_uppercase();
    parts.push(ImagePart {
        what: format!("partition `{}`: {kind}{active}", partition.name),
        at: start,
        size,
    });
    for laid in &volume.files {
        parts.push(ImagePart {
            what: format!("  {}", laid.path),
            at: laid.at,
            size: laid.size,
        });
        if Some(&laid.path) == partition.payload.as_ref() {
            parts.extend(payload_parts(payload, laid.at));
        }
    }
    Ok(volume)
}

fn payload_parts(payload: &LoadedPayload, at: u64) -> [ImagePart; 3] {
    let record = &payload.record;
    let part = |what: &str, from: u64, end: u64| ImagePart {
        what: format!("    {what}"),
        at: at + from,
        size: end - from,
    };
    let initrd_end = record.initrd_offset + record.initrd_size;
    [
        part("kernel", 0, payload.kernel_bytes),
        part(
            "zeros to the kernel's end in memory",
            payload.kernel_bytes,
            record.initrd_offset,
        ),
        part("initrd (ROMFS)", record.initrd_offset, initrd_end),
    ]
}

/// Rejects a path that is not on the partition; otherwise only the boot loader would notice.
fn check_extlinux(extlinux: &Extlinux, files: &[fat::FatFile], partition: &str) -> Result<()> {
    for path in [Some(&extlinux.kernel), extlinux.fdt.as_ref()]
        .into_iter()
        .flatten()
    {
        if !files
            .iter()
            .any(|file| file.path.trim_start_matches('/') == path.trim_start_matches('/'))
        {
            return Err(PackError::NotOnPartition {
                path: path.to_string(),
                partition: partition.to_owned(),
                present: files.iter().map(|file| file.path.clone()).collect(),
            });
        }
    }
    Ok(())
}

fn extlinux_conf(extlinux: &Extlinux) -> String {
    let Extlinux {
        label,
        kernel,
        fdt,
        append,
    } = extlinux;
    let id = label.to_lowercase().replace(' ', "-");
    let mut text = format!(
        "default {id}\ntimeout 10\n\nlabel {id}\n  menu label {label}\n  kernel {kernel}\n"
    );
    if let Some(fdt) = fdt {
        text.push_str(&format!("  fdt {fdt}\n"));
    }
    if !append.is_empty() {
        text.push_str(&format!("  append {append}\n"));
    }
    text
}

fn table(image: &Image, spans: &[(u64, u64)], seed: &[u8; 32]) -> Result<Vec<Extent>> {
    let sector = |byte: u64| byte / mbr::SECTOR;
    let at = |at: u64, bytes: Vec<u8>| Extent {
        at,
        content: Content::bytes(bytes),
    };
    let pairs = image.partition.iter().zip(spans);
    if image.table == PartitionScheme::Gpt {
        let entries: Vec<gpt::GptEntry> = pairs
            .map(|(partition, &(start, end))| gpt::GptEntry {
                name: partition.name.clone(),
                start: sector(start),
                sectors: sector(end - start),
                bootable: partition.bootable,
            })
            .collect();
        let (front, back) = gpt::encode(seed, sector(image.size.0), &entries);
        return Ok(vec![
            at(0, front),
            at(image.size.0 - back.len() as u64, back),
        ]);
    }
    if image.partition.len() > 4 {
        return Err(PackError::TooManyPartitions(image.partition.len()));
    }
    let mut entries = Vec::new();
    for (partition, &(start, end)) in pairs {
        entries.push(mbr::MbrEntry {
            active: partition.bootable,
            kind: if partition.fat == Fat::Fat16 {
                mbr::FAT16_LBA
            } else {
                mbr::FAT32_LBA
            },
            start: u32::try_from(sector(start)).map_err(|_| PackError::BeyondMbr)?,
            sectors: u32::try_from(sector(end - start)).map_err(|_| PackError::BeyondMbr)?,
        });
    }
    let signature = u32::from_le_bytes([seed[0], seed[1], seed[2], seed[3]]);
    Ok(vec![at(0, mbr::encode(signature, &entries).to_vec())])
}
