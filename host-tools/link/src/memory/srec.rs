//! Motorola S-records: addresses and bytes as text, as gdb's `dump srec` and objcopy write them.
//!
//! ```text
//! S3 15 80000000 0104002000000000E700003000000000 6A      type, count, address, bytes, checksum
//! ```
//! S1, S2 and S3 have addresses of 16, 24 and 32 bits; S0 is a title, S5 to S9 are counts and ends. The
//! checksum is the complement of the sum of all bytes behind the type.

use super::Sparse;

/// Whether a text begins with a record.
pub(super) fn is_srec(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    let digits = first.get(2..10).unwrap_or_default();
    first.first() == Some(&b'S')
        && matches!(first.get(1), Some(b'0'..=b'3'))
        && digits.len() == 8
        && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Bytes written as pairs of hexadecimal digits.
pub(super) fn pairs(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |digit: u8| (digit as char).to_digit(16).map(|it| it as u8);
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?));
    rest.is_empty().then(|| bytes.collect())?
}

/// Takes a line that is not empty; the error says what is wrong with it.
pub(super) fn line(line: &[u8], base: u64, memory: &mut Sparse) -> Result<(), String> {
    let (Some(b'S'), Some(kind)) = (line.first(), line.get(1)) else {
        return Err("no S-record".to_owned());
    };
    let bytes =
        pairs(&line[2..]).ok_or("an S-record with other characters than hexadecimal digits")?;
    let count = usize::from(*bytes.first().unwrap_or(&0));
    if count + 1 != bytes.len() || count < 3 {
        return Err(format!(
            "an S-record of {count} bytes has {}: it is cut off",
            bytes.len().saturating_sub(1)
        ));
    }
    let (last, summed) = bytes.split_last().ok_or("an empty S-record")?;
    let sum = !summed
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum != *last {
        return Err(format!("checksum {last:02X}, but the bytes have {sum:02X}"));
    }
    let width = match kind {
        b'1' => 2,
        b'2' => 3,
        b'3' => 4,
        b'0' | b'5'..=b'9' => return Ok(()),
        other => {
            return Err(format!(
                "there is no S-record of type `{}`",
                other.escape_ascii()
            ));
        }
    };
    let address = summed
        .get(1..1 + width)
        .ok_or("an S-record without an address")?;
    let at = address
        .iter()
        .fold(0_u64, |at, byte| at << 8 | u64::from(*byte));
    memory.put(base.wrapping_add(at), &summed[1 + width..]);
    Ok(())
}
