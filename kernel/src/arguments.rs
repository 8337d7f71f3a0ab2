//! Boot arguments: the few words of the kernel command line that mean something.

use crate::tree;

/// Fault records kept when the arguments do not say; also the fewest.
const LOG_RECORDS: usize = 4096;
/// The most: 64 MiB of records.
const LOG_RECORDS_LIMIT: usize = 1 << 20;

/// What the arguments ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// `pool=4M`: the page pool, in frames of 4 KiB; all RAM if absent.
    pub pool_frames: Option<u32>,
    /// `arena=0x50000000`: the piece of RAM with that address is used first.
    pub arena: Option<u64>,
    /// `fast=off`: no fault takes the fast path.
    pub fast: bool,
    /// `zeroed=off`: an idle hart gets no frames ready.
    pub zeroed: bool,
    /// `log=8192`: records the fault log keeps, at least 4,096.
    pub log_records: usize,
    /// `initrd.verify=1`: check every byte of the initrd, and of the kernel's text.
    pub verify: bool,
    /// `frames=1`: event frames from the start, without waiting for a hello.
    pub frames: bool,
}

impl Arguments {
    /// Reads the words; one that cannot be read means what its absence means.
    pub fn read(words: &tree::BootArguments) -> Arguments {
        let on = |key| words.value(key) == Some("1");
        let log = words
            .value("log")
            .and_then(|value| value.parse().ok())
            .unwrap_or(LOG_RECORDS);
        Arguments {
            pool_frames: words
                .value("pool")
                .and_then(size)
                .map(|bytes| u32::try_from(bytes / 4096).unwrap_or(u32::MAX)),
            arena: words.value("arena").and_then(address),
            fast: words.value("fast") != Some("off"),
            zeroed: words.value("zeroed") != Some("off"),
            log_records: log.clamp(LOG_RECORDS, LOG_RECORDS_LIMIT),
            verify: on("initrd.verify"),
            frames: on("frames"),
        }
    }
}

fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// A size in bytes with an optional suffix K, M or G.
fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 10),
        b'M' | b'm' => (&text[..text.len() - 1], 20),
        b'G' | b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_the_usual_suffixes() {
        assert_eq!(size("4M"), Some(4 << 20));
        assert_eq!(size("512k"), Some(512 << 10));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("1G"), Some(1 << 30));
        for bad in ["", "M", "4X", "-1", "99999999999G"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_as_if_absent() {
        let read = |text: &str| Arguments::read(&tree::BootArguments::new(text));
        let plain = read("");
        assert_eq!(
            plain,
            Arguments {
                pool_frames: None,
                arena: None,
                fast: true,
                zeroed: true,
                log_records: 4096,
                verify: false,
                frames: false
            }
        );
        assert_eq!(
            read("pool=lots log=few initrd.verify=yes arena=here fast=no"),
            plain
        );
        let all =
            read("pool=4M arena=0x50000000 fast=off zeroed=off log=8192 initrd.verify=1 frames=1");
        assert_eq!(
            all,
            Arguments {
                pool_frames: Some(1024),
                arena: Some(0x5000_0000),
                fast: false,
                zeroed: false,
                log_records: 8192,
                verify: true,
                frames: true
            }
        );
        assert_eq!(read("log=1").log_records, 4096);
    }
}
