//! Sizes on the command line.

use boards::ByteSize;

/// Parses `4096`, `0x1000`, `4K`, `128M`, `1G`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let number = number.or_else(|| text.parse::<ByteSize>().ok().map(|size| size.0));
    number
        .ok_or_else(|| format!("`{text}` is not a number of bytes, such as 4096, 0x1000, 4K, 128M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_is_written_in_any_of_its_ways() {
        for text in ["4096", "0x1000", "4K", "4KiB"] {
            assert_eq!(bytes(text), Ok(4096), "{text}");
        }
        for wrong in ["", "4KB", "-1", "0x", "K", "1.5M"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    /// `--ram START+SIZE` is parsed by another crate, which does not import boards.
    #[cfg(feature = "full")]
    #[test]
    fn ram_takes_the_same_sizes() {
        for text in [
            "4096", "0x1000", "4K", "4KiB", "128M", "128MiB", "1G", "1GiB",
        ] {
            let span: link::memory::PhysRange = format!("0x80000000+{text}").parse().expect(text);
            assert_eq!(Ok(span.last - span.first + 1), bytes(text), "{text}");
        }
        for wrong in ["4KB", "-1", "K", "1.5M"] {
            assert!(
                format!("0x0+{wrong}")
                    .parse::<link::memory::PhysRange>()
                    .is_err()
            );
        }
    }
}
