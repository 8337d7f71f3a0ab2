//! The Image: kernel, zeros to the end of its BSS, initrd, trailer. It is one file, so that a loader that
//! moves it moves everything.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use romfs::record::{Record, TRAILER_BYTES};

use crate::content::{Content, Extent};
use crate::output::Output;
use crate::{Kernel, PackError, Result, headers};

/// Alignment in bytes of the initrd and of the end of the file.
const PAGE: u64 = 4096;

/// A finished Image and the offsets of its parts.
#[derive(Debug)]
pub struct LoadedPayload {
    /// The file: kernel and trailer in memory, the initrd still on disk.
    pub content: Content,
    /// Record at the end of the Image, by which `swap-kernel` finds the initrd.
    pub record: Record,
    /// Size of the kernel in bytes without zero padding.
    pub kernel_bytes: u64,
}

/// Reads and checks kernel and initrd, and joins them. The kernel's end symbol determines the padding.
pub fn build(kernel: &Path, initrd: &Path) -> Result<LoadedPayload> {
    let Kernel {
        bytes: kernel_part,
        end,
        record: record_at,
        text: text_size,
    } = Kernel::read(kernel)?;
    let container::UnpackedFile {
        file: source,
        bytes: size,
        packing,
    } = crate::inspect::opened(initrd)?;
    let kernel_bytes = kernel_part.len() as u64;
    let offset = end.next_multiple_of(PAGE);
    let file_size = (offset + size + TRAILER_BYTES as u64).next_multiple_of(PAGE);
    headers::check(&source, initrd, size)?;
    let sum = sum(&source, initrd, size)?;
    let mut head = kernel_part;
    // image_size of the Linux header: a loader that moves the Image moves this many bytes. The field is part
    // of the code, and so of its CRC.
    head[0x10..0x18].copy_from_slice(&file_size.to_le_bytes());
    let record = Record {
        initrd_offset: offset,
        initrd_size: size,
        initrd_crc32: sum.clone().finalize(),
        file_size,
        text_size,
        text_crc32: crc32fast::hash(&head[..text_size as usize]),
    };
    let at = record_at as usize;
    head[at..at + romfs::record::BYTES].copy_from_slice(&record.encode());
    let mut tail = vec![0; (file_size - offset - size) as usize];
    let trailer = tail.len() - TRAILER_BYTES;
    tail[trailer..].copy_from_slice(&record.trailer());
    let content = match packing {
        None => Content::File {
            path: initrd.to_owned(),
            size,
        },
        // What is unpacked has no path.
        Some(_) => {
            let mut bytes = vec![0; size as usize];
            source
                .read_exact_at(&mut bytes, 0)
                .map_err(PackError::io("read", initrd))?;
            Content::bytes(bytes)
        }
    };
    Ok(LoadedPayload {
        content: glue(head, (offset, content, &sum), tail),
        record,
        kernel_bytes,
    })
}

/// The parts at their offsets, and the CRC-32 of all of them.
fn glue(
    head: Vec<u8>,
    (offset, initrd, sum): (u64, Content, &crc32fast::Hasher),
    tail: Vec<u8>,
) -> Content {
    let mut whole = crc32fast::Hasher::new();
    whole.update(&head);
    whole.update(&vec![0; offset as usize - head.len()]);
    whole.combine(sum);
    whole.update(&tail);
    let end = offset + initrd.size();
    let total = end + tail.len() as u64;
    let parts = [
        (0, Content::bytes(head)),
        (offset, initrd),
        (end, Content::bytes(tail)),
    ];
    let parts = parts
        .into_iter()
        .map(|(at, content)| Extent { at, content });
    Content::Parts {
        parts: Arc::new(parts.collect()),
        size: total,
        sum: whole,
    }
}

/// Writes a finished Image to `to`.
pub fn write(payload: &LoadedPayload, to: &Path) -> Result<()> {
    let output = Output::create(to)?.rebuildable();
    output.set_size(payload.record.file_size)?;
    let content = payload.content.clone();
    output.write(&[Extent { at: 0, content }], &mut |_, _| {})?;
    output.commit()
}

/// CRC-32 of a file's first `size` bytes, with two threads.
fn sum(source: &File, path: &Path, size: u64) -> Result<crc32fast::Hasher> {
    const PIECE: u64 = 1 << 16;
    let part = |from: u64, end: u64| -> Result<crc32fast::Hasher> {
        let mut sum = crc32fast::Hasher::new();
        // The buffer fits in the L1 cache.
        let mut piece = vec![0; (end - from).min(PIECE) as usize];
        for at in (from..end).step_by(PIECE as usize) {
            let piece = &mut piece[..(end - at).min(PIECE) as usize];
            source
                .read_exact_at(piece, at)
                .map_err(PackError::io("read", path))?;
            sum.update(piece);
        }
        Ok(sum)
    };
    let half = size / 2;
    let (first, second) = thread::scope(|scope| {
        let other = scope.spawn(|| part(half, size));
        let first = part(0, half);
        let second = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (first, second)
    });
    let mut sum = first?;
    sum.combine(&second?);
    Ok(sum)
}

/// Rejects an Image that is larger than the board's loader can hold.
pub fn check_limit(bytes: u64, board: &boards::Board) -> Result<()> {
    let limit = board.boot.max_image_bytes;
    if bytes <= limit {
        return Ok(());
    }
    Err(PackError::NoRoom {
        what: format!("the Image for {}", board.title),
        needs: bytes,
        has: limit,
        way_out: "what lies behind it in RAM would be overwritten; put fewer or smaller files into the initrd",
    })
}
