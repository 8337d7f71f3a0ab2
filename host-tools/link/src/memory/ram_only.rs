//! Known RAM, and a source that reads nothing else.
//!
//! A damaged table may point into a device, and reading a device register can change its state: on a running
//! machine only known RAM is read.

use std::fmt;
use std::str::FromStr;

use pagetable::{Outside, PhysAddr};
use thiserror::Error;

use super::text::address;
use super::{BatchRead, MemorySource, ReadError};

/// A range of physical addresses: `START-END` with END excluded, or `START+SIZE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PhysRange {
    /// First address.
    pub first: u64,
    /// Last address, included.
    pub last: u64,
}

impl PhysRange {
    /// The range of `bytes` bytes from `first`; `None` if it is empty or exceeds the address space.
    pub fn of(first: u64, bytes: u64) -> Option<PhysRange> {
        let last = first.checked_add(bytes.checked_sub(1)?)?;
        Some(PhysRange { first, last })
    }

    /// Whether it contains all of another range.
    pub fn holds(&self, other: PhysRange) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl fmt::Display for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.first, self.last.wrapping_add(1))
    }
}

/// A text that is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a range of addresses; write 0x80000000-0x88000000 or 0x80000000+128M")]
pub struct PhysRangeError(String);

impl FromStr for PhysRange {
    type Err = PhysRangeError;

    fn from_str(text: &str) -> Result<PhysRange, PhysRangeError> {
        let span = match (text.split_once('+'), text.split_once('-')) {
            (Some((first, bytes)), _) => address(first)
                .zip(size(bytes))
                .and_then(|(first, bytes)| PhysRange::of(first, bytes)),
            (None, Some((first, end))) => address(first)
                .zip(address(end))
                // The end of the address space does not fit into 64 bits, so it is written as 0.
                .filter(|(first, end)| *end == 0 || end > first)
                .map(|(first, end)| PhysRange {
                    first,
                    last: end.wrapping_sub(1),
                }),
            _ => None,
        };
        span.ok_or_else(|| PhysRangeError(text.to_owned()))
    }
}

/// Parses a size: `128M`, `4096`, `0x1000`.
fn size(text: &str) -> Option<u64> {
    if text.starts_with("0x") {
        return address(text);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "KiB" | "k" => 10,
        "M" | "MiB" | "m" => 20,
        "G" | "GiB" | "g" => 30,
        _ => return None,
    };
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(1 << shift)
}

/// A source that permits reads of known RAM only.
pub struct RamOnly<S> {
    source: S,
    known: Vec<PhysRange>,
}

impl<S> RamOnly<S> {
    /// Permits only these addresses; adjacent ranges are merged.
    pub fn new(source: S, mut known: Vec<PhysRange>) -> Self {
        known.sort_unstable();
        known.dedup_by(|next, before| {
            let is_near = next.first <= before.last.saturating_add(1);
            if is_near {
                before.last = before.last.max(next.last);
            }
            is_near
        });
        RamOnly { source, known }
    }

    fn is_known(&self, at: PhysAddr, bytes: usize) -> bool {
        let wanted = PhysRange::of(at.raw(), bytes as u64);
        wanted.is_some_and(|it| self.known.iter().any(|span| span.holds(it)))
    }
}

impl<S: MemorySource> MemorySource for RamOnly<S> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        match self.is_known(at, bytes) {
            true => self.source.read(at, into),
            false => Err(ReadError::Outside(Outside { at, bytes })),
        }
    }

    fn is_possibly_stale(&self) -> bool {
        self.source.is_possibly_stale()
    }
}

impl<B: BatchRead> BatchRead for RamOnly<B> {
    fn read_all(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        let is_known = |(at, bytes): &(PhysAddr, usize)| self.is_known(*at, *bytes);
        let known: Vec<_> = wanted.iter().copied().filter(is_known).collect();
        let mut read = match known.is_empty() {
            true => Vec::new(),
            false => self.source.read_all(&known)?,
        }
        .into_iter();
        let all = wanted.iter().map(|it| match self.is_known(it.0, it.1) {
            true => read.next().flatten(),
            false => None,
        });
        Ok(all.collect())
    }
}

/// RAM from QEMU's `info mtree -f`: lines that end in `(prio N, ram): NAME`, in the address space of the
/// harts.
pub fn memory_tree(text: &str) -> Vec<PhysRange> {
    let mut is_system = false;
    let mut spans = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("FlatView") {
            is_system = false;
        } else if line.starts_with("AS \"") {
            is_system |= line.starts_with("AS \"memory\"") || line.starts_with("AS \"cpu-memory");
        } else if is_system
            && let Some((place, what)) = line.split_once(" (prio ")
            && what.contains(", ram)")
            && let Some((first, last)) = place.split_once('-')
            && let Some((first, last)) = address(first).zip(address(last))
            && first <= last
        {
            spans.push(PhysRange { first, last });
        }
    }
    spans
}

/// RAM from a stub's memory map: `<memory type="ram" start="…" length="…"/>`. Format: "Debugging with GDB",
/// appendix E, "Memory Map Format".
pub fn memory_map(xml: &str) -> Vec<PhysRange> {
    let tags = xml.split('<').filter_map(|tag| tag.strip_prefix("memory "));
    tags.filter_map(|tag| {
        let value = |name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            rest.split('"').next()
        };
        let number = |name| {
            let text: &str = value(name)?;
            match text.starts_with("0x") {
                true => address(text),
                false => text.parse().ok(),
            }
        };
        let is_ram = value("type") == Some("ram");
        PhysRange::of(number("start")?, number("length")?).filter(|_| is_ram)
    })
    .collect()
}

/// RAM from gdb's `info mem` with regions of the target: lines of a number, `y`, start, end and `rw`.
pub fn memory_regions(text: &str) -> Vec<PhysRange> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "y", first, end, "rw", ..] = words[..] else {
            return None;
        };
        // gdb prints the end of the address space as 0x0 or 0x1 0000….
        let (first, end) = (address(first)?, address(end).unwrap_or(0));
        Some(PhysRange {
            first,
            last: end.wrapping_sub(1),
        })
        .filter(|span| span.first <= span.last)
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_with_an_end_or_a_size() {
        let span = |text: &str| text.parse::<PhysRange>().ok().map(|it| (it.first, it.last));
        let ram = Some((0x8000_0000, 0x87ff_ffff));
        assert_eq!(span("0x80000000-0x88000000"), ram);
        assert_eq!(span("0x80000000+128M"), ram);
        assert_eq!(span("80000000+0x8000000"), ram);
        assert_eq!(span("0xffffffff80000000-0"), Some((!0 << 31, u64::MAX)));
        for wrong in [
            "",
            "0x80000000",
            "2000-1000",
            "1000+0",
            "1000+4T",
            "1000-1000",
            "ffffffffffffffff+2",
        ] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_is_known_is_read_and_touching_runs_are_one() {
        struct AskedSource(Vec<u64>);
        impl MemorySource for AskedSource {
            fn read(&mut self, at: PhysAddr, _: &mut [u8]) -> Result<(), ReadError> {
                self.0.push(at.raw());
                Ok(())
            }
        }
        let spans = ["2000-3000", "1000-2000", "ffff_0000-1_0000_0000"];
        let spans = spans.map(|it| it.parse().unwrap());
        let mut within = RamOnly::new(AskedSource(Vec::new()), spans.to_vec());
        let mut read = |at, bytes| within.read(PhysAddr::new(at), &mut vec![0; bytes]).is_ok();
        assert!(read(0x1800, 0x1000) && read(0xffff_f000, 0x1000));
        assert!(!read(0x2800, 0x1000) && !read(0xfff, 1) && !read(u64::MAX, 2));
        assert_eq!(within.source.0, [0x1800, 0xffff_f000]);
    }

    #[test]
    fn qemus_tree_and_a_stubs_map_tell_ram_only() {
        let tree = "FlatView #0\n AS \"I/O\", root: io\n Root memory region: io\n  \
            0000000000000000-000000000000ffff (prio 0, ram): no\nFlatView #1\n AS \"memory\", root: \
            system\n AS \"cpu-memory-0\", root: system\n Root memory region: system\n  \
            0000000000001000-000000000000ffff (prio 0, rom): riscv_virt_board.mrom\n  \
            0000000010000000-0000000010000007 (prio 0, i/o): serial\n  \
            0000000080000000-0000000087ffffff (prio 0, ram): riscv_virt_board.ram KVM\n";
        let ram: PhysRange = "80000000-88000000".parse().unwrap();
        assert_eq!(memory_tree(tree), [ram]);
        let map = r#"<memory-map><memory type="rom" start="0x0" length="0x100"/>
            <memory type="ram" start="0x80000000" length="0x8000000"/></memory-map>"#;
        assert_eq!(memory_map(map), [ram]);
        assert!(memory_tree("unknown command\n").is_empty());
        let regions = "Using memory regions provided by the target.\nNum Enb Low Addr   High Addr  \
            Attrs \n0   y  \t0x0000000000000000 0x0000000000000100 ro nocache \n1   y  \t\
            0x80000000 0x88000000 rw nocache \n";
        assert_eq!(memory_regions(regions), [ram]);
    }
}
