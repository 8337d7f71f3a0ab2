//! Opening a file that may be compressed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use crate::other::LOOKED_AT;
use crate::{OtherPacking, Packing, Scratch, UnpackError};

/// Most bytes that [`open`] unpacks: more memory than a board has, a larger card than one writes.
pub const MOST_BYTES: u64 = 64 << 30;
/// Bytes unpacked at a time.
const PIECE: usize = 1 << 18;

/// An open file, unpacked if it was compressed.
#[derive(Debug)]
pub struct UnpackedFile {
    /// The file itself, or its content in a file without a name; at offset 0.
    pub file: File,
    /// Size in bytes of the content.
    pub bytes: u64,
    /// How the file is compressed; `None` if it is not.
    pub packing: Option<Packing>,
}

/// How a file is compressed, by its first bytes.
pub fn packing_of(path: &Path) -> Result<Option<Packing>, UnpackError> {
    let mut file = file(path)?;
    Ok(Packing::of(&first(&mut file, path, 8)?))
}

/// Opens a file, unpacked if it is compressed.
pub fn open(path: &Path) -> Result<UnpackedFile, UnpackError> {
    open_with(path, MOST_BYTES, &mut |_, _| {})
}

/// Opens a file; content of more than `limit` bytes is an error. `progress` is called with compressed bytes
/// read and in total.
pub fn open_with(
    path: &Path,
    limit: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<UnpackedFile, UnpackError> {
    let failed = |error| UnpackError::File(path.to_owned(), error);
    let mut file = file(path)?;
    let begin = first(&mut file, path, LOOKED_AT)?;
    refuse_other(&begin, path)?;
    let packing = Packing::of(&begin);
    let bytes = file.seek(SeekFrom::End(0)).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let Some(packing) = packing else {
        return Ok(UnpackedFile {
            file,
            bytes,
            packing: None,
        });
    };
    let mut scratch = Scratch::new().map_err(failed)?;
    unpack(&file, path, packing, limit, &mut |piece, read| {
        progress(read, bytes);
        let at = scratch.bytes();
        scratch.put(at, piece)
    })?;
    let bytes = scratch.bytes();
    Ok(UnpackedFile {
        file: scratch.finish().map_err(failed)?,
        bytes,
        packing: Some(packing),
    })
}

/// The content of a file in memory; more than `limit` bytes are an error if it is compressed. A pipe is read
/// too.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, UnpackError> {
    read_from(file(path)?, path, limit)
}

/// The content of a stream, as [`read`] does for a file; `path` names it in errors.
pub fn read_from(mut from: impl Read, path: &Path, limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut bytes = first(&mut from, path, LOOKED_AT)?;
    refuse_other(&bytes, path)?;
    let Some(packing) = Packing::of(&bytes) else {
        let read = from.read_to_end(&mut bytes);
        return match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(UnpackError::File(path.to_owned(), error)),
        };
    };
    let mut content = Vec::new();
    unpack(
        bytes.as_slice().chain(from),
        path,
        packing,
        limit,
        &mut |piece, _| {
            content.extend_from_slice(piece);
            Ok(())
        },
    )?;
    Ok(content)
}

/// The first bytes of the content, at most `most`. A compressed file is unpacked up to there only.
pub fn head(path: &Path, most: usize) -> Result<Vec<u8>, UnpackError> {
    let failed = |error| UnpackError::File(path.to_owned(), error);
    let mut file = file(path)?;
    let begin = first(&mut file, path, most)?;
    refuse_other(&begin, path)?;
    let Some(packing) = Packing::of(&begin) else {
        return Ok(begin);
    };
    file.rewind().map_err(failed)?;
    let mut reader = packing.reader(BufReader::new(&file)).take(most as u64);
    let mut head = Vec::new();
    match reader.read_to_end(&mut head) {
        // What is there says what the file is; that it is cut off is found when it is opened.
        Err(error) if head.is_empty() => Err(named(error, path, packing, 0)),
        _ => Ok(head),
    }
}

/// An error for a file that begins so, if it is packed in a way that is not opened.
fn refuse_other(first: &[u8], path: &Path) -> Result<(), UnpackError> {
    match OtherPacking::of(first) {
        Some(packing) => Err(UnpackError::Other(path.to_owned(), packing)),
        None => Ok(()),
    }
}

fn file(path: &Path) -> Result<File, UnpackError> {
    let failed = |error| UnpackError::File(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    match file.metadata().map_err(failed)?.is_dir() {
        true => Err(failed(ErrorKind::IsADirectory.into())),
        false => Ok(file),
    }
}

/// Up to `most` bytes from where the file stands.
fn first(file: &mut impl Read, path: &Path, most: usize) -> Result<Vec<u8>, UnpackError> {
    let mut bytes = Vec::new();
    let read = file.take(most as u64).read_to_end(&mut bytes);
    read.map_err(|error| UnpackError::File(path.to_owned(), error))?;
    Ok(bytes)
}

/// Unpacks piece by piece; `take` also gets the number of compressed bytes read.
fn unpack(
    from: impl Read,
    path: &Path,
    packing: Packing,
    limit: u64,
    take: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
) -> Result<(), UnpackError> {
    let counter = Cell::new(0);
    let counted = CountingReader {
        from,
        counter: &counter,
    };
    let mut reader = packing.reader(BufReader::with_capacity(PIECE, counted));
    let (mut piece, mut done) = (vec![0; PIECE], 0);
    loop {
        let count = match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(named(error, path, packing, done)),
        };
        done += count as u64;
        if done > limit {
            return Err(UnpackError::TooLarge {
                path: path.to_owned(),
                packing,
                limit,
            });
        }
        take(&piece[..count], counter.get()).map_err(|source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                UnpackError::NoRoom {
                    path: path.to_owned(),
                    folder: std::env::temp_dir(),
                    source,
                }
            }
            _ => UnpackError::File(path.to_owned(), source),
        })?;
    }
}

/// The error of a decoder that has unpacked so many bytes.
fn named(error: io::Error, path: &Path, packing: Packing, bytes: u64) -> UnpackError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::UnexpectedEof => UnpackError::Cut {
            path,
            packing,
            bytes,
        },
        _ => UnpackError::Damaged {
            path,
            packing,
            bytes,
            source: error,
        },
    }
}

/// Counts the compressed bytes that are read.
struct CountingReader<'a, R> {
    from: R,
    counter: &'a Cell<u64>,
}

impl<R: Read> Read for CountingReader<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.counter.set(self.counter.get() + count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(packing: Packing, content: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let best = flate2::Compression::best();
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), best);
                writer.write_all(content).unwrap();
                writer.finish().unwrap()
            }
            Packing::Xz => {
                let options = lzma_rust2::XzOptions::with_preset(1);
                let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
                writer.write_all(content).unwrap();
                writer.finish().unwrap()
            }
            Packing::Zstd => {
                let level = ruzstd::encoding::CompressionLevel::Fastest;
                ruzstd::encoding::compress_to_vec(content, level)
            }
        }
    }

    fn kept(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn content() -> Vec<u8> {
        let noise = (0..300_000u32).map(|at| (at.wrapping_mul(at) >> 7) as u8);
        noise.chain(std::iter::repeat_n(0, 100_000)).collect()
    }

    #[test]
    fn a_compressed_file_is_opened_as_what_is_in_it_whatever_its_name() {
        let content = content();
        for packing in Packing::ALL {
            let one = packed(packing, &content);
            // Two of them, one behind the other, are one content.
            for (bytes, times) in [(one.clone(), 1), ([one.clone(), one].concat(), 2)] {
                let file = kept(&bytes);
                let mut opened = open(file.path()).unwrap();
                let expected = content.repeat(times);
                assert_eq!(
                    (opened.packing, opened.bytes),
                    (Some(packing), expected.len() as u64)
                );
                let mut found = Vec::new();
                opened.file.read_to_end(&mut found).unwrap();
                assert!(found == expected, "{packing} {times}");
                assert!(read(file.path(), MOST_BYTES).unwrap() == expected);
                assert_eq!(head(file.path(), 9).unwrap(), content[..9]);
            }
        }
        let plain = kept(b"plain");
        let mut opened = open(plain.path()).unwrap();
        let mut found = String::new();
        opened.file.read_to_string(&mut found).unwrap();
        assert_eq!(
            (found.as_str(), opened.bytes, opened.packing),
            ("plain", 5, None)
        );
        assert_eq!(read(plain.path(), 1).unwrap(), b"plain");
    }

    #[test]
    fn a_stream_that_is_cut_off_or_changed_is_never_a_shorter_content() {
        let content = content();
        for packing in Packing::ALL {
            let whole = packed(packing, &content);
            for left in [9, whole.len() / 2, whole.len() - 1] {
                let file = kept(&whole[..left]);
                let error = open(file.path()).unwrap_err();
                assert!(
                    matches!(error, UnpackError::Cut { .. }),
                    "{packing} {left}: {error:?}"
                );
            }
            // The frames that this encoder writes have a checksum, as all files of the tools.
            let mut changed = whole.clone();
            let middle = whole.len() / 2;
            changed[middle] ^= 0x10;
            let error = open(kept(&changed).path()).unwrap_err();
            assert!(
                !matches!(error, UnpackError::File(..)),
                "{packing}: {error:?}"
            );
        }
    }

    #[test]
    fn more_than_the_limit_is_an_error_before_it_is_written() {
        for packing in Packing::ALL {
            let file = kept(&packed(packing, &vec![0; 8 << 20]));
            let error = open_with(file.path(), 1 << 20, &mut |_, _| {}).unwrap_err();
            assert!(matches!(error, UnpackError::TooLarge { .. }), "{error:?}");
            assert!(
                error.to_string().contains(&packing.command(file.path())),
                "{error}"
            );
            assert!(read(file.path(), 1 << 20).is_err());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_behind_a_magic_end(
            packing in proptest::sample::select(&Packing::ALL[..]),
            at in 0usize..400,
            noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let mut bytes = packed(packing, b"a content that is not long, a content that is not long");
            let at = at.min(bytes.len());
            bytes.splice(at.., noise);
            let file = kept(&bytes);
            let _ = open_with(file.path(), 1 << 24, &mut |_, _| {});
            let _ = head(file.path(), 512);
        }
    }
}
