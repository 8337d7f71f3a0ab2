//! The Image: kernel, zeros to its end in memory, initrd, trailer. One file, so that a loader
//! that moves it moves all of it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use romfs::record::{Record, TRAILER_BYTES};

use crate::{Kernel, PackError, Result, output};

/// The initrd begins, and the file ends, at a multiple of this.
const PAGE: u64 = 4096;

/// A finished Image and where its parts lie.
#[derive(Debug)]
pub struct LoadedPayload {
    /// The file.
    pub bytes: Arc<Vec<u8>>,
    /// What its record says.
    pub record: Record,
    /// Bytes of the kernel that are not zero pad.
    pub kernel_bytes: u64,
    /// CRC-32 of the file, put together from those of its parts.
    pub(crate) sum: crc32fast::Hasher,
}

/// Reads kernel and initrd and glues them, after a look at both. The pad is as long as the
/// kernel's own end asks for.
pub fn build(kernel: &Path, initrd: &Path) -> Result<LoadedPayload> {
    let Kernel {
        bytes: kernel_part,
        end,
        record: record_at,
        text: text_size,
    } = Kernel::read(kernel)?;
    let source = File::open(initrd).map_err(PackError::io("read", initrd))?;
    let size = source
        .metadata()
        .map_err(PackError::io("read", initrd))?
        .len();
    let kernel_bytes = kernel_part.len() as u64;
    let offset = end.next_multiple_of(PAGE);
    let file_size = (offset + size + TRAILER_BYTES as u64).next_multiple_of(PAGE);
    // The initrd is most of it, and is read to where it stays.
    let mut bytes = vec![0; file_size as usize];
    bytes[..kernel_part.len()].copy_from_slice(&kernel_part);
    let sum = read_summed(
        &source,
        initrd,
        &mut bytes[offset as usize..][..size as usize],
    )?;
    let data = &bytes[offset as usize..][..size as usize];
    let romfs = romfs::Romfs::new(data)
        .map_err(|error| PackError::wrong(initrd, format!("is no ROMFS: {error}")))?;
    romfs
        .check()
        .map_err(|error| PackError::wrong(initrd, format!("is a damaged ROMFS: {error}")))?;
    // image_size of the Linux header: a loader that moves the Image moves this much. It is part
    // of the text.
    bytes[0x10..0x18].copy_from_slice(&file_size.to_le_bytes());
    let record = Record {
        initrd_offset: offset,
        initrd_size: size,
        initrd_crc32: sum.clone().finalize(),
        file_size,
        text_size,
        text_crc32: crc32fast::hash(&bytes[..text_size as usize]),
    };
    let trailer = bytes.len() - TRAILER_BYTES;
    bytes[trailer..].copy_from_slice(&record.trailer());
    let at = record_at as usize;
    bytes[at..at + romfs::record::BYTES].copy_from_slice(&record.encode());
    let (start, end) = (offset as usize, (offset + size) as usize);
    let mut whole = crc32fast::Hasher::new();
    whole.update(&bytes[..start]);
    whole.combine(&sum);
    whole.update(&bytes[end..]);
    Ok(LoadedPayload {
        bytes: Arc::new(bytes),
        record,
        kernel_bytes,
        sum: whole,
    })
}

/// Writes a finished Image.
pub fn write(payload: &LoadedPayload, to: &Path) -> Result<()> {
    let output = output::begun(to, &payload.bytes)?;
    output.rebuildable().commit()
}

/// Fills the buffer from a file's beginning; its CRC-32. Two hands, as most of the time goes into
/// memory that is touched for the first time.
fn read_summed(source: &File, path: &Path, into: &mut [u8]) -> Result<crc32fast::Hasher> {
    let read = |part: &mut [u8], at: usize| {
        let mut sum = crc32fast::Hasher::new();
        source
            .read_exact_at(part, at as u64)
            .map_err(PackError::io("read", path))?;
        sum.update(part);
        Ok(sum)
    };
    let half = into.len() / 2;
    let (first, second) = into.split_at_mut(half);
    let (sum, rest) = thread::scope(|scope| {
        let other = scope.spawn(|| read(second, half));
        let sum = read(first, 0);
        let rest = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (sum, rest)
    });
    let mut sum = sum?;
    sum.combine(&rest?);
    Ok(sum)
}

/// Refuses an Image that the board's loader could not hold.
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
