//! The Image: kernel, zeros to its end in memory, initrd, trailer. One file, so that a loader
//! that moves it moves all of it.

use std::fs;
use std::path::Path;

use romfs::record::{Record, TRAILER_BYTES, crc32};

use crate::{Error, Kernel, Result};

/// The initrd begins, and the file ends, at a multiple of this.
const PAGE: u64 = 4096;

/// A finished Image and where its parts lie.
#[derive(Debug)]
pub struct Payload {
    /// The file.
    pub bytes: Vec<u8>,
    /// What its record says.
    pub record: Record,
    /// Bytes of the kernel that are not zero pad.
    pub kernel_bytes: u64,
}

/// Glues an initrd to a kernel. The pad is as long as the kernel's own end asks for.
pub fn glue(kernel: Kernel, initrd: &[u8]) -> Payload {
    let kernel_bytes = kernel.bytes.len() as u64;
    let offset = kernel.end.next_multiple_of(PAGE);
    let file_size = (offset + initrd.len() as u64 + TRAILER_BYTES as u64).next_multiple_of(PAGE);
    let record = Record {
        initrd_offset: offset,
        initrd_size: initrd.len() as u64,
        initrd_crc32: crc32(initrd),
        file_size,
    };
    let mut bytes = kernel.bytes;
    bytes.resize(offset as usize, 0);
    bytes.extend_from_slice(initrd);
    bytes.resize(file_size as usize - TRAILER_BYTES, 0);
    bytes.extend_from_slice(&record.trailer());
    // image_size of the Linux header: a loader that moves the Image moves this much.
    bytes[0x10..0x18].copy_from_slice(&file_size.to_le_bytes());
    let at = kernel.record as usize;
    bytes[at..at + romfs::record::BYTES].copy_from_slice(&record.encode());
    Payload {
        bytes,
        record,
        kernel_bytes,
    }
}

/// Reads kernel and initrd and glues them, after a look at both.
pub fn build(kernel: &Path, initrd: &Path) -> Result<Payload> {
    let data = fs::read(initrd).map_err(Error::io("read", initrd))?;
    let romfs = romfs::Romfs::new(&data)
        .map_err(|error| Error::wrong(initrd, format!("is no ROMFS: {error}")))?;
    romfs
        .check()
        .map_err(|error| Error::wrong(initrd, format!("is a damaged ROMFS: {error}")))?;
    Ok(glue(Kernel::read(kernel)?, &data))
}

/// Refuses an Image that the board's loader could not hold.
pub fn check_limit(bytes: u64, board: &boards::Board) -> Result<()> {
    let limit = board.boot.max_image_bytes;
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::NoRoom {
        what: format!("the Image for {}", board.title),
        needs: bytes,
        has: limit,
        way_out: "what lies behind it in RAM would be overwritten; put fewer or smaller files into the initrd",
    })
}
