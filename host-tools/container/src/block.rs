//! Blocks of a known size, as dumps of memory keep their pages.

use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;

use crate::zstd::ZstdFrames;

/// How one block is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPacking {
    /// A stream of RFC 1950.
    Zlib,
    /// One or more frames of RFC 8878.
    Zstd,
}

impl BlockPacking {
    /// Unpacks a block, which must fill `into` exactly.
    pub fn unpack(self, packed: &[u8], into: &mut [u8]) -> io::Result<()> {
        match self {
            BlockPacking::Zlib => exactly(ZlibDecoder::new(packed), into),
            BlockPacking::Zstd => exactly(ZstdFrames::new(packed), into),
        }
    }
}

fn exactly(mut from: impl Read, into: &mut [u8]) -> io::Result<()> {
    from.read_exact(into)?;
    match from.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "more in it than a block",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_block_has_its_size_or_is_an_error() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&[7; 4096]).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        for (packing, packed) in [
            (BlockPacking::Zlib, zlib.finish().unwrap()),
            (
                BlockPacking::Zstd,
                ruzstd::encoding::compress_to_vec(&[7; 4096][..], level),
            ),
        ] {
            let mut block = [0; 4096];
            packing.unpack(&packed, &mut block).unwrap();
            assert_eq!(block, [7; 4096]);
            assert!(packing.unpack(&packed, &mut [0; 4095]).is_err());
            assert!(packing.unpack(&packed, &mut [0; 4097]).is_err());
            assert!(
                packing
                    .unpack(&packed[..packed.len() / 2], &mut block)
                    .is_err()
            );
            assert!(packing.unpack(b"", &mut block).is_err());
        }
    }
}
