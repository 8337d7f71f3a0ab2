//! KDUMP: makedumpfile's format, whose pages are compressed one by one.
//!
//! ```text
//! block 0       header: "KDUMP   ", version, block size, size of the others
//! block 1       sub-header: where VMCOREINFO is
//! 2 bitmaps     a bit for each frame: there is memory; its page is in the file
//! descriptors   offset, size and compression of each page that is there, in the order of frames
//! pages
//! ```
//! Source: makedumpfile 1.7, diskdump_mod.h. A page without a bit in the second bitmap was left out
//! of the dump on purpose; it is not memory that is known, so it is not read as zeros.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use container::BlockPacking;
use pagetable::{Outside, PhysAddr, Xlen};

use super::physical_dump::PhysicalDump;
use super::{MemorySource, OpenError, ReadError, VmcoreInfo, files};

/// First bytes of the file, blanks included.
pub(super) const MAGIC: &[u8] = b"KDUMP   ";
/// Bytes of a page descriptor.
const DESCRIPTOR: u64 = 24;
/// Largest bitmap in bytes: of 2 TiB.
const MOST_BITMAP: u64 = 64 << 20;
/// Largest VMCOREINFO in bytes.
const MOST_INFO: u64 = 1 << 20;

/// Opens a dump of a RISC-V machine.
pub(super) fn open(path: &Path) -> Result<PhysicalDump, OpenError> {
    let (file, bytes) = files::open(path)?;
    let broken = |what: String| OpenError::Damaged(path.to_owned(), what);
    let header =
        KdumpHeader::read(&file).ok_or_else(|| broken(
            "a KDUMP with a damaged header; where the machine still runs, QEMU's dump-guest-memory without -z \
             writes an ELF core"
                .into(),
        ))?;
    if let Some(machine) = header.other_machine() {
        return Err(broken(format!(
            "a KDUMP of a machine of `{machine}`, not of RISC-V"
        )));
    }
    let bitmap = header.bitmap(&file, bytes).ok_or_else(|| {
        broken("a KDUMP that is cut off or damaged: its bitmap of pages is not in the file".into())
    })?;
    let pages = KdumpPages::new(path, file, header, bitmap);
    let info = VmcoreInfo::new(&pages.header.vmcoreinfo(&pages.file));
    let xlen = pages.header.xlen();
    if pages.ranges.is_empty() {
        return Err(OpenError::Empty(path.to_owned()));
    }
    pages.check_packing()?;
    let cut_at = pages.cut_at(bytes);
    Ok(PhysicalDump {
        xlen,
        cut_at,
        ranges: pages.ranges.clone(),
        root: info.root(xlen.unwrap_or(Xlen::Rv64)),
        info,
        harts: Vec::new(),
        remarks: Vec::new(),
        memory: Box::new(pages),
    })
}

/// The header and sub-header, checked for sense.
struct KdumpHeader {
    machine: String,
    block: u64,
    sub_blocks: u64,
    bitmap_blocks: u64,
    frames: u64,
    info: (u64, u64),
}

impl KdumpHeader {
    fn read(file: &File) -> Option<KdumpHeader> {
        let mut bytes = [0; 480];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let word = |at: usize| {
            u64::from(u32::from_le_bytes(
                bytes[at..at + 4].try_into().unwrap_or([0; 4]),
            ))
        };
        // Behind the names of the system (6 times 65 bytes) a time stands, whose width is the machine's.
        let after = [428, 420, 416]
            .into_iter()
            .find(|at| word(*at).is_power_of_two() && (0x400..=0x1_0000).contains(&word(*at)))?;
        let block = word(after);
        let mut sub = [0; 104];
        file.read_exact_at(&mut sub, block).ok()?;
        let long = |at: usize| u64::from_le_bytes(sub[at..at + 8].try_into().unwrap_or([0; 8]));
        // The number of frames has 64 bits from version 6 on; before, and where it is 0, it has 32.
        let frames = match (word(8) >= 6).then(|| long(96)) {
            Some(frames) if frames > 0 => frames,
            _ => word(after + 12),
        };
        let machine = &bytes[12 + 4 * 65..12 + 5 * 65];
        let machine = machine.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(KdumpHeader {
            machine: String::from_utf8_lossy(machine).into_owned(),
            block,
            sub_blocks: word(after + 4),
            bitmap_blocks: word(after + 8),
            frames,
            info: (long(32), long(40)),
        })
    }

    /// QEMU writes `Unknown` for every machine.
    fn other_machine(&self) -> Option<&str> {
        let is_ours =
            matches!(&self.machine[..], "" | "Unknown") || self.machine.starts_with("riscv");
        (!is_ours).then_some(&self.machine[..])
    }

    fn xlen(&self) -> Option<Xlen> {
        match &self.machine[..] {
            "riscv32" => Some(Xlen::Rv32),
            "riscv64" => Some(Xlen::Rv64),
            _ => None,
        }
    }

    fn bitmaps_at(&self) -> u64 {
        (1 + self.sub_blocks).saturating_mul(self.block)
    }

    fn descriptors_at(&self) -> u64 {
        self.bitmaps_at()
            .saturating_add(self.bitmap_blocks.saturating_mul(self.block))
    }

    /// The bitmap of the pages that are in the file; `None` if it cannot be.
    fn bitmap(&self, file: &File, bytes: u64) -> Option<Vec<u8>> {
        let length = self.bitmap_blocks.checked_mul(self.block)?;
        let one = self.frames.div_ceil(8);
        // Two of equal length; the oldest dumps have one.
        let (at, most) = match length / 2 >= one {
            true => (self.bitmaps_at().checked_add(length / 2)?, length / 2),
            false => (self.bitmaps_at(), length),
        };
        let count = one.min(most);
        if count > MOST_BITMAP || at.checked_add(count)? > bytes {
            return None;
        }
        let mut bitmap = vec![0; count as usize];
        file.read_exact_at(&mut bitmap, at).ok()?;
        Some(bitmap)
    }

    fn vmcoreinfo(&self, file: &File) -> Vec<u8> {
        let (at, bytes) = self.info;
        let mut info = vec![0; bytes.min(MOST_INFO) as usize];
        match at > 0 && file.read_exact_at(&mut info, at).is_ok() {
            true => info,
            false => Vec::new(),
        }
    }
}

/// Pages of a dump, read one by one.
struct KdumpPages {
    path: PathBuf,
    file: File,
    header: KdumpHeader,
    bitmap: Vec<u8>,
    /// Number of pages before each 64 bytes of the bitmap.
    before: Vec<u64>,
    ranges: Vec<(PhysAddr, PhysAddr)>,
    packed: Vec<u8>,
    /// The last page that was unpacked.
    last: Option<(u64, Vec<u8>)>,
}

/// Where a page is and how it is compressed.
#[derive(Clone, Copy)]
struct Descriptor {
    offset: u64,
    bytes: u32,
    flags: u32,
}

/// Bits of `flags`, and what they mean.
const ZLIB: u32 = 1;
const ZSTD: u32 = 0x20;
const OTHERS: [(u32, &str); 2] = [(2, "LZO"), (4, "snappy")];

impl KdumpPages {
    fn new(path: &Path, file: File, header: KdumpHeader, bitmap: Vec<u8>) -> KdumpPages {
        let ones = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| u64::from(byte.count_ones()))
                .sum::<u64>()
        };
        let before = bitmap.chunks(64).scan(0, |count, chunk| {
            let here = *count;
            *count += ones(chunk);
            Some(here)
        });
        let mut pages = KdumpPages {
            path: path.to_owned(),
            file,
            before: before.collect(),
            ranges: Vec::new(),
            header,
            bitmap,
            packed: Vec::new(),
            last: None,
        };
        pages.ranges = pages.runs();
        pages
    }

    /// Runs of pages that are there.
    fn runs(&self) -> Vec<(PhysAddr, PhysAddr)> {
        let mut runs: Vec<(PhysAddr, PhysAddr)> = Vec::new();
        let full = |(at, byte): (usize, &u8)| (at as u64 * 8, *byte);
        for (first, byte) in self
            .bitmap
            .iter()
            .enumerate()
            .map(full)
            .filter(|(_, it)| *it != 0)
        {
            for frame in (0..8)
                .filter(|bit| byte >> bit & 1 == 1)
                .map(|bit| first + bit)
            {
                let start = PhysAddr::new(frame.saturating_mul(self.header.block));
                let end = start.wrapping_add(self.header.block);
                match runs.last_mut() {
                    Some((_, last)) if *last == start => *last = end,
                    _ => runs.push((start, end)),
                }
            }
        }
        runs
    }

    /// Number of a frame's page in the file.
    fn place(&self, frame: u64) -> Option<u64> {
        let at = usize::try_from(frame / 8).ok()?;
        let byte = *self.bitmap.get(at)?;
        if byte >> (frame % 8) & 1 == 0 {
            return None;
        }
        let chunk = at / 64;
        let ahead = &self.bitmap[chunk * 64..at];
        let ahead: u64 = ahead.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let below = byte & !(0xff << (frame % 8));
        Some(self.before[chunk] + ahead + u64::from(below.count_ones()))
    }

    fn descriptor(&self, place: u64) -> io::Result<Descriptor> {
        let mut bytes = [0; DESCRIPTOR as usize];
        let at = place
            .saturating_mul(DESCRIPTOR)
            .saturating_add(self.header.descriptors_at());
        self.file.read_exact_at(&mut bytes, at)?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or([0; 4]));
        Ok(Descriptor {
            offset: u64::from(word(0)) | u64::from(word(4)) << 32,
            bytes: word(8),
            flags: word(12),
        })
    }

    /// An error if the first page, as all of them, is compressed in a way that is not read.
    fn check_packing(&self) -> Result<(), OpenError> {
        let first = self.ranges.iter().take(64).filter_map(|(start, _)| {
            self.descriptor(self.place(start.raw() / self.header.block)?)
                .ok()
        });
        for descriptor in first {
            if let Some((_, name)) = OTHERS.iter().find(|(bit, _)| descriptor.flags & bit != 0) {
                let what = format!(
                    "a KDUMP with pages compressed by {name}; makedumpfile -c {} NEW writes one compressed by zlib, \
                     makedumpfile -E an ELF core",
                    self.path.display()
                );
                return Err(OpenError::Damaged(self.path.clone(), what));
            }
        }
        Ok(())
    }

    /// The first page that a truncated file lacks.
    fn cut_at(&self, bytes: u64) -> Option<PhysAddr> {
        let last = self.ranges.last()?.1.raw() / self.header.block - 1;
        let is_there = |frame: u64| {
            let descriptor = self
                .place(frame)
                .and_then(|place| self.descriptor(place).ok());
            descriptor.is_some_and(|it| it.offset.saturating_add(u64::from(it.bytes)) <= bytes)
        };
        if is_there(last) {
            return None;
        }
        // Pages lie in the order of their frames, so that what is missing is missing to the end.
        let range = self
            .ranges
            .iter()
            .find(|(_, end)| !is_there(end.raw() / self.header.block - 1))?;
        let (mut good, mut bad) = (
            range.0.raw() / self.header.block,
            range.1.raw() / self.header.block,
        );
        while good < bad {
            let middle = good + (bad - good) / 2;
            match is_there(middle) {
                true => good = middle + 1,
                false => bad = middle,
            }
        }
        Some(PhysAddr::new(good * self.header.block))
    }

    /// Unpacks a page into `last`.
    fn page(&mut self, frame: u64, place: u64) -> io::Result<()> {
        if self.last.as_ref().is_some_and(|(it, _)| *it == frame) {
            return Ok(());
        }
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let descriptor = self.descriptor(place)?;
        let block = self.header.block as usize;
        // What does not become smaller is kept as it is.
        if descriptor.bytes as usize > block * 2 {
            return Err(damaged("the descriptor of a page is damaged"));
        }
        let (_, mut page) = self.last.take().unwrap_or_default();
        page.resize(block, 0);
        self.packed.resize(descriptor.bytes as usize, 0);
        self.file
            .read_exact_at(&mut self.packed, descriptor.offset)?;
        match descriptor.flags {
            flags if flags & ZLIB != 0 => BlockPacking::Zlib.unpack(&self.packed, &mut page)?,
            flags if flags & ZSTD != 0 => BlockPacking::Zstd.unpack(&self.packed, &mut page)?,
            flags if OTHERS.iter().any(|(bit, _)| flags & bit != 0) => {
                return Err(damaged("a page is compressed by LZO or snappy"));
            }
            _ if self.packed.len() == block => page.copy_from_slice(&self.packed),
            _ => {
                return Err(damaged(
                    "a page that is not compressed has another size than a page",
                ));
            }
        }
        self.last = Some((frame, page));
        Ok(())
    }
}

impl MemorySource for KdumpPages {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let (mut done, block) = (0, self.header.block);
        while done < into.len() {
            let bytes = into.len();
            let outside = || ReadError::Outside(Outside { at, bytes });
            let here = at.checked_add(done as u64).ok_or_else(outside)?.raw();
            let frame = here / block;
            let place = self.place(frame).ok_or_else(outside)?;
            self.page(frame, place)
                .map_err(|error| ReadError::File(self.path.clone(), error))?;
            let from = (here % block) as usize;
            let count = (block as usize - from).min(into.len() - done);
            if let Some((_, page)) = &self.last {
                into[done..done + count].copy_from_slice(&page[from..from + count]);
            }
            done += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const BLOCK: usize = 4096;

    /// A dump with a page of each frame: its flags, and its bytes as they are in the file.
    fn dump(frames: u64, pages: &[(u64, u32, Vec<u8>)]) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; BLOCK * 2];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = 6;
        bytes[272..279].copy_from_slice(b"riscv64");
        // Block size, blocks of the sub-header, blocks of bitmaps.
        for (at, word) in [(428, BLOCK as u32), (432, 1), (436, 2)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let info = b"NUMBER(satp)=0x8000000000000002\n";
        bytes[BLOCK + 32..BLOCK + 40].copy_from_slice(&(BLOCK as u64 + 1024).to_le_bytes());
        bytes[BLOCK + 40..BLOCK + 48].copy_from_slice(&(info.len() as u64).to_le_bytes());
        bytes[BLOCK + 96..BLOCK + 104].copy_from_slice(&frames.to_le_bytes());
        bytes[BLOCK + 1024..BLOCK + 1024 + info.len()].copy_from_slice(info);
        let mut bitmap = [0; BLOCK];
        for (frame, ..) in pages {
            bitmap[*frame as usize / 8] |= 1 << (frame % 8);
        }
        bytes.extend([0xff; BLOCK]);
        bytes.extend(bitmap);
        let mut at = bytes.len() as u64 + DESCRIPTOR * pages.len() as u64;
        for (_, flags, page) in pages {
            bytes.extend(at.to_le_bytes());
            bytes.extend((page.len() as u32).to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            bytes.extend([0; 8]);
            at += page.len() as u64;
        }
        for (.., page) in pages {
            bytes.extend(page);
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    fn byte(dump: &mut PhysicalDump, at: u64) -> Option<u8> {
        let mut byte = [0];
        let read = dump.memory.read(PhysAddr::new(at), &mut byte);
        read.ok().map(|()| byte[0])
    }

    #[test]
    fn pages_are_found_by_their_bits_and_what_was_left_out_is_not_memory() {
        let whole = |byte: u8| vec![byte; BLOCK];
        // 600 frames in a row, so that the counts before each 64 bytes of the bitmap are used.
        let mut pages: Vec<_> = (1000..1600)
            .map(|frame| (frame, 0, whole(frame as u8)))
            .collect();
        pages.push((3000, 0, whole(9)));
        let file = dump(4000, &pages);
        let mut dump = open(file.path()).unwrap();
        for frame in [1000, 1001, 1511, 1512, 1599] {
            assert_eq!(
                byte(&mut dump, frame * 4096 + 5),
                Some(frame as u8),
                "{frame}"
            );
        }
        assert_eq!(byte(&mut dump, 3000 * 4096), Some(9));
        for frame in [0, 999, 1600, 2999, 3001, 4000, u64::MAX / 4096] {
            assert_eq!(byte(&mut dump, frame * 4096), None, "{frame}");
        }
        assert_eq!(dump.ranges.len(), 2);
        assert_eq!(dump.root.unwrap().satp.root, PhysAddr::new(0x2000));
        assert_eq!((dump.xlen, dump.cut_at), (Some(Xlen::Rv64), None));
    }

    #[test]
    fn a_truncated_dump_says_from_where_memory_is_missing() {
        let pages: Vec<_> = (16..26).map(|frame| (frame, 0, vec![1; BLOCK])).collect();
        let file = dump(64, &pages);
        let length = std::fs::metadata(file.path()).unwrap().len();
        file.as_file()
            .set_len(length - 3 * BLOCK as u64 + 7)
            .unwrap();
        let mut dump = open(file.path()).unwrap();
        assert_eq!(dump.cut_at, Some(PhysAddr::new(23 * 4096)));
        assert_eq!(byte(&mut dump, 22 * 4096), Some(1));
        assert!(byte(&mut dump, 24 * 4096).is_none());
        file.as_file().set_len(BLOCK as u64 * 3).unwrap();
        assert!(matches!(open(file.path()), Err(OpenError::Damaged(..))));
    }

    #[test]
    fn a_compression_that_is_not_read_is_named_with_the_command_that_converts() {
        for (flag, name) in OTHERS {
            let file = dump(64, &[(3, flag, vec![1; 9])]);
            let error = open(file.path()).err().unwrap().to_string();
            assert!(
                error.contains(name) && error.contains("makedumpfile -"),
                "{error}"
            );
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_panic(at in 8usize..20000, value: u8, flags in 0u32..64, frame in 0u64..200) {
            let file = dump(160, &[(7, flags, vec![1; BLOCK]), (150, 1, vec![0x78; 30])]);
            let mut bytes = std::fs::read(file.path()).unwrap();
            let at = at % bytes.len();
            bytes[at] = value;
            std::fs::write(file.path(), bytes).unwrap();
            if let Ok(mut dump) = open(file.path()) {
                byte(&mut dump, frame * 4096);
            }
        }
    }
}
