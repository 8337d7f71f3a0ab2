//! makedumpfile's flattened form: a dump in pieces, as it went through a pipe.
//!
//! ```text
//! header   "makedumpfile", type, version: 64 bits each, in a block of 4096 bytes
//! piece    offset, size: 64 bits each; the bytes            again and again
//! end      offset and size -1
//! ```
//! Numbers are big endian. QEMU writes its compressed dumps so. Put together, it is an ELF core or a KDUMP.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use container::Scratch;

use super::OpenError;

/// First bytes: a name in a field of 16.
pub(super) const MAGIC: &[u8] = b"makedumpfile\0\0\0\0";
/// Size in bytes of the header's block.
const HEADER: u64 = 4096;
/// Largest offset that is taken.
const MOST_BYTES: u64 = container::MOST_BYTES;

/// The file itself, or what its pieces are put together; with its size in bytes.
pub(super) fn assembled(path: &Path, mut file: File, bytes: u64) -> Result<(File, u64), OpenError> {
    let failed = |error| OpenError::File(path.to_owned(), error);
    let mut magic = [0; MAGIC.len()];
    file.rewind().map_err(failed)?;
    let is_flattened = file.read_exact(&mut magic).is_ok() && magic == *MAGIC;
    file.rewind().map_err(failed)?;
    if !is_flattened {
        return Ok((file, bytes));
    }
    let mut scratch = Scratch::new().map_err(failed)?;
    pieces(path, BufReader::new(file), &mut scratch)?;
    let bytes = scratch.bytes();
    Ok((scratch.finish().map_err(failed)?, bytes))
}

fn pieces(path: &Path, mut from: impl Read, scratch: &mut Scratch) -> Result<(), OpenError> {
    let broken = |what: String| OpenError::Damaged(path.to_owned(), what);
    let cut = |error: std::io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => broken(
            "a flattened dump of makedumpfile that is cut off: its end mark is missing".to_owned(),
        ),
        _ => OpenError::File(path.to_owned(), error),
    };
    from.read_exact(&mut [0; HEADER as usize]).map_err(cut)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let mut numbers = [0; 16];
        from.read_exact(&mut numbers).map_err(cut)?;
        let number =
            |at: usize| i64::from_be_bytes(numbers[at..at + 8].try_into().unwrap_or([0; 8]));
        let (offset, size) = (number(0), number(8));
        if (offset, size) == (-1, -1) {
            return Ok(());
        }
        let (Ok(mut at), Ok(mut left)) = (u64::try_from(offset), u64::try_from(size)) else {
            return Err(broken(format!(
                "a piece of {size} bytes at offset {offset}: damaged"
            )));
        };
        if at.saturating_add(left) > MOST_BYTES {
            return Err(broken(format!(
                "a piece of {size} bytes at offset {offset} ends behind {MOST_BYTES}, the most that is taken"
            )));
        }
        while left > 0 {
            let count = left.min(buffer.len() as u64) as usize;
            from.read_exact(&mut buffer[..count]).map_err(cut)?;
            scratch
                .put(at, &buffer[..count])
                .map_err(|error| OpenError::File(path.to_owned(), error))?;
            at += count as u64;
            left -= count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn flat(pieces: &[(i64, &[u8])], has_end: bool) -> File {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(HEADER as usize, 0);
        for (at, piece) in pieces {
            bytes.extend(at.to_be_bytes());
            bytes.extend((piece.len() as i64).to_be_bytes());
            bytes.extend_from_slice(piece);
        }
        if has_end {
            bytes.extend([0xff; 16]);
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn pieces_lie_where_they_say_and_the_last_one_counts() {
        let file = flat(&[(4, b"efgh"), (0, b"abcd"), (2, b"CD")], true);
        let (mut file, bytes) = assembled(Path::new("x"), file, 0).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), bytes), ("abCDefgh", 8));
    }

    #[test]
    fn a_flattened_dump_without_its_end_is_cut_off() {
        for file in [
            flat(&[(0, b"abcd")], false),
            flat(&[(-5, b"abcd")], true),
            flat(&[(1 << 50, b"a")], true),
        ] {
            let error = assembled(Path::new("x"), file, 0).unwrap_err();
            assert!(matches!(error, OpenError::Damaged(..)), "{error:?}");
        }
    }
}
