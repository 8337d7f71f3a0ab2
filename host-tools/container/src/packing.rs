//! The ways of compressing: one row each.

use std::fmt;
use std::io::{BufRead, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::zstd::{MOST_WINDOW, ZstdFrames};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A stream of RFC 1952, as gzip writes.
    Gzip,
    /// The .xz file format 1.2.1.
    Xz,
    /// Frames of RFC 8878, as zstd writes.
    Zstd,
}

impl Packing {
    /// Every packing, in the order of the rows.
    pub const ALL: [Packing; 3] = [Packing::Gzip, Packing::Xz, Packing::Zstd];

    /// The packing of a file that begins so.
    pub fn of(first: &[u8]) -> Option<Packing> {
        Packing::ALL
            .into_iter()
            .find(|packing| first.starts_with(packing.magic()))
    }

    /// First bytes. Gzip has one method of compression, so its number belongs to them.
    fn magic(self) -> &'static [u8] {
        match self {
            Packing::Gzip => b"\x1f\x8b\x08",
            Packing::Xz => b"\xfd7zXZ\0",
            Packing::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }

    /// What its files are called behind the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Packing::Gzip => "gz",
            Packing::Xz => "xz",
            Packing::Zstd => "zst",
        }
    }

    /// The command that unpacks a file and keeps it.
    pub fn command(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Packing::Gzip => format!("gzip -dk {path}"),
            Packing::Xz => format!("xz -dk {path}"),
            Packing::Zstd => format!("zstd -d {path}"),
        }
    }

    /// The content of a stream. Members, streams and frames that follow each other are one content, as the
    /// formats demand.
    pub fn reader<'a>(self, from: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        let window_kib = (MOST_WINDOW / 1024) as u32;
        match self {
            Packing::Gzip => Box::new(MultiGzDecoder::new(from)),
            Packing::Xz => Box::new(XzReader::new_mem_limit(from, true, window_kib)),
            Packing::Zstd => Box::new(ZstdFrames::new(from)),
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Gzip => "gzip",
            Packing::Xz => "xz",
            Packing::Zstd => "zstd",
        })
    }
}
