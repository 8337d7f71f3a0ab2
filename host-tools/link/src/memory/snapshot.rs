//! Snapshots: the tables of some roots in a file, readable as memory.
//!
//! The schema is `pagewalk.snapshot/1` of docs/json.md. A table that was read completely is `whole`: entries
//! that are not listed are zero. In other tables they are unknown.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use pagetable::{Dialect, Memory, Outside, PAGE_BYTES, PhysAddr, Xlen};
use serde::{Deserialize, Serialize};

use super::{MemorySource, OpenError, ReadError};

/// Value of the file's `schema` member.
pub const SCHEMA: &str = "pagewalk.snapshot/1";
/// Size limit of a file: a thousand full tables need a twentieth of it.
const MOST_BYTES: u64 = 256 << 20;

/// A number in JSON, as the string `"0x1000"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HexNumber(u64);

impl Serialize for HexNumber {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for HexNumber {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<HexNumber, D::Error> {
        let text = String::deserialize(from)?;
        let number = super::text::address(&text);
        number
            .map(HexNumber)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a number")))
    }
}

#[derive(Serialize, Deserialize)]
struct SnapshotRoot {
    name: String,
    satp: HexNumber,
}

#[derive(Serialize, Deserialize)]
struct SnapshotTable {
    pa: HexNumber,
    whole: bool,
    entries: Vec<(u16, HexNumber)>,
}

/// The `schema` member, which is the first of any file.
#[derive(Deserialize)]
struct SchemaHeader {
    #[serde(default)]
    schema: String,
}

#[derive(Deserialize)]
struct SnapshotFile {
    origin: String,
    xlen: u32,
    dialect: Option<String>,
    #[serde(default)]
    possibly_stale: bool,
    roots: Vec<SnapshotRoot>,
    tables: Vec<SnapshotTable>,
}

/// Words of one page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PageWords {
    is_whole: bool,
    /// By index; in a whole page, zeros are omitted.
    words: BTreeMap<u16, u64>,
}

/// Tables, and the roots that lead to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Name of the source they were read from.
    pub origin: String,
    /// Register width of the machine.
    pub xlen: Xlen,
    /// Encoding of memory types, if it was known.
    pub dialect: Option<Dialect>,
    /// Name and `satp` of each root.
    pub roots: Vec<(String, u64)>,
    /// True if the tables were read past the hart's caches, so recent writes may be missing.
    pub is_possibly_stale: bool,
    pages: BTreeMap<u64, PageWords>,
}

impl Snapshot {
    /// An empty snapshot.
    pub fn new(origin: String, xlen: Xlen) -> Snapshot {
        Snapshot {
            origin,
            xlen,
            dialect: None,
            roots: Vec::new(),
            is_possibly_stale: false,
            pages: BTreeMap::new(),
        }
    }

    /// Number of tables.
    pub fn tables(&self) -> usize {
        self.pages.len()
    }

    /// Reads a snapshot file.
    pub fn open(path: &Path) -> Result<Snapshot, OpenError> {
        let failed = |error| OpenError::File(path.to_owned(), error);
        let broken = |what: String| OpenError::Snapshot(path.to_owned(), what);
        let bytes = fs::metadata(path).map_err(failed)?.len();
        if bytes > MOST_BYTES {
            return Err(broken(format!("{bytes} bytes are too many")));
        }
        let text = container::read(path, MOST_BYTES)?;
        Snapshot::read(&text).map_err(broken)
    }

    /// Parses a snapshot; the error is a message.
    pub fn read(text: &[u8]) -> Result<Snapshot, String> {
        let named: SchemaHeader =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if named.schema != SCHEMA {
            return Err(format!("its schema is `{}`, not {SCHEMA}", named.schema));
        }
        let file: SnapshotFile = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let xlen = match file.xlen {
            32 => Xlen::Rv32,
            64 => Xlen::Rv64,
            other => return Err(format!("there is no hart of {other} bits")),
        };
        let dialect = file.dialect.map(|name| {
            Dialect::from_name(&name).ok_or_else(|| format!("there is no dialect `{name}`"))
        });
        let mut snapshot = Snapshot {
            dialect: dialect.transpose()?,
            is_possibly_stale: file.possibly_stale,
            ..Snapshot::new(file.origin, xlen)
        };
        snapshot.roots = file
            .roots
            .into_iter()
            .map(|it| (it.name, it.satp.0))
            .collect();
        for table in file.tables {
            let at = PhysAddr::new(table.pa.0);
            if !at.is_aligned(PAGE_BYTES) {
                return Err(format!("{at} is not the address of a table"));
            }
            let mut words = PageWords {
                is_whole: table.whole,
                words: BTreeMap::new(),
            };
            for (index, HexNumber(word)) in table.entries {
                if usize::from(index) >= snapshot.entries() {
                    return Err(format!("the table at {at} has no entry {index}"));
                }
                words.words.insert(index, word);
            }
            snapshot.pages.insert(at.frame(), words);
        }
        Ok(snapshot)
    }

    /// Writes the snapshot, one table per line.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let json =
            |value: &dyn Fn() -> serde_json::Result<String>| value().map_err(io::Error::from);
        let origin = json(&|| serde_json::to_string(&self.origin))?;
        let dialect = json(&|| serde_json::to_string(&self.dialect.map(Dialect::name)))?;
        writeln!(
            out,
            "{{\n  \"schema\": \"{SCHEMA}\",\n  \"origin\": {origin},"
        )?;
        writeln!(
            out,
            "  \"xlen\": {},\n  \"dialect\": {dialect},",
            self.xlen.bits()
        )?;
        if self.is_possibly_stale {
            writeln!(out, "  \"possibly_stale\": true,")?;
        }
        let roots = self.roots.iter().map(|(name, satp)| {
            serde_json::to_string(&SnapshotRoot {
                name: name.clone(),
                satp: HexNumber(*satp),
            })
        });
        list(out, "roots", roots)?;
        writeln!(out, ",")?;
        let tables = self.pages.iter().map(|(frame, page)| {
            let entries = page
                .words
                .iter()
                .map(|(index, word)| (*index, HexNumber(*word)));
            serde_json::to_string(&SnapshotTable {
                pa: HexNumber(PhysAddr::from_frame(*frame).raw()),
                whole: page.is_whole,
                entries: entries.collect(),
            })
        });
        list(out, "tables", tables)?;
        writeln!(out, "\n}}")
    }

    fn entries(&self) -> usize {
        PAGE_BYTES as usize / self.word()
    }

    fn word(&self) -> usize {
        self.xlen.bits() as usize / 8
    }
}

fn list(
    out: &mut dyn Write,
    name: &str,
    items: impl Iterator<Item = serde_json::Result<String>>,
) -> io::Result<()> {
    write!(out, "  \"{name}\": [")?;
    let mut is_empty = true;
    for item in items {
        let before = if is_empty { "\n    " } else { ",\n    " };
        is_empty = false;
        write!(out, "{before}{}", item?)?;
    }
    write!(out, "{}", if is_empty { "]" } else { "\n  ]" })
}

impl MemorySource for Snapshot {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let outside = || ReadError::Outside(Outside { at, bytes });
        let page = self.pages.get(&at.frame()).ok_or_else(outside)?;
        let (word, from) = (self.word(), at.offset(PAGE_BYTES) as usize);
        if !from.is_multiple_of(word)
            || !bytes.is_multiple_of(word)
            || from + bytes > PAGE_BYTES as usize
        {
            return Err(outside());
        }
        for (place, target) in into.chunks_exact_mut(word).enumerate() {
            let known = page.words.get(&((from / word + place) as u16)).copied();
            let known = known.or(page.is_whole.then_some(0)).ok_or_else(outside)?;
            target.copy_from_slice(&known.to_le_bytes()[..word]);
        }
        Ok(())
    }

    fn is_possibly_stale(&self) -> bool {
        self.is_possibly_stale
    }
}

/// Memory that copies everything read from it into a snapshot.
pub struct Recorder<'a, M> {
    memory: M,
    into: &'a mut Snapshot,
}

impl<'a, M: Memory> Recorder<'a, M> {
    /// Records reads of `memory` into the snapshot.
    pub fn new(memory: M, into: &'a mut Snapshot) -> Self {
        Recorder { memory, into }
    }
}

impl<M: Memory> Memory for Recorder<'_, M> {
    type Error = M::Error;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, M::Error> {
        let value = self.memory.read_word(at, bytes)?;
        let page = self.into.pages.entry(at.frame()).or_default();
        if !page.is_whole {
            let index = at.offset(PAGE_BYTES) / bytes as u64;
            page.words.insert(index as u16, value);
        }
        Ok(value)
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        let page = self.memory.page(at)?;
        let kept = self.into.pages.entry(at.frame()).or_default();
        if !kept.is_whole {
            kept.is_whole = true;
            let bytes = self.into.xlen.bits() as usize / 8;
            for (index, chunk) in (0..).zip(page.chunks_exact(bytes)) {
                let mut word = [0; 8];
                word[..bytes].copy_from_slice(chunk);
                match u64::from_le_bytes(word) {
                    0 => kept.words.remove(&index),
                    word => kept.words.insert(index, word),
                };
            }
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cached, Sparse};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_read_comes_back_and_nothing_else() {
        for xlen in [Xlen::Rv32, Xlen::Rv64] {
            let bytes = xlen.bits() as usize / 8;
            let mut sparse = Sparse::default();
            sparse.put(0x1000, &[7; 4096]);
            sparse.put(0x2008, &[9; 8]);
            sparse.put(0x3000, &[1; 4096]);
            let mut taken = Snapshot::new("here \"and\" there".to_owned(), xlen);
            taken.roots.push(("init".to_owned(), 1 << 31 | 1));
            taken.dialect = Some(Dialect::THead);
            taken.is_possibly_stale = xlen == Xlen::Rv64;
            let mut memory = Recorder::new(Cached::new(sparse), &mut taken);
            assert!(memory.page(PhysAddr::new(0x1000)).is_some());
            assert!(memory.page(PhysAddr::new(0x2000)).is_none());
            memory.read_word(PhysAddr::new(0x2008), bytes).unwrap();
            let mut text = Vec::new();
            taken.write(&mut text).unwrap();
            let again = Snapshot::read(&text).unwrap();
            assert_eq!(again, taken);
            let mut again = Cached::new(again);
            let mut word = |at| again.read_word(PhysAddr::new(at), bytes).ok();
            let mask = u64::MAX >> (64 - 8 * bytes);
            assert_eq!(word(0x1ff8), Some(0x0707_0707_0707_0707 & mask));
            assert_eq!(word(0x2008), Some(0x0909_0909_0909_0909 & mask));
            assert_eq!((word(0x2000), word(0x3000)), (None, None));
        }
    }

    fn refused(text: &str) -> String {
        Snapshot::read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let file = |schema: &str, xlen: u32, table: &str| {
            format!(
                "{{\"schema\": \"{schema}\", \"origin\": \"\", \"xlen\": {xlen}, \"dialect\": null, \
                 \"roots\": [], \"tables\": [{table}]}}"
            )
        };
        assert!(refused("{").contains("EOF"));
        assert!(refused(&file("pagewalk.map/1", 64, "")).contains("pagewalk.map/1"));
        assert!(refused(&file(SCHEMA, 16, "")).contains("16 bits"));
        let table = r#"{"pa": "0x1008", "whole": true, "entries": []}"#;
        assert!(refused(&file(SCHEMA, 64, table)).contains("0x1008"));
        let table = r#"{"pa": "0x1000", "whole": true, "entries": [[512, "0x1"]]}"#;
        assert!(refused(&file(SCHEMA, 64, table)).contains("no entry 512"));
        assert!(Snapshot::read(file(SCHEMA, 32, table).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn noise_is_refused_and_does_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(Snapshot::read(&noise).is_err());
        }

        #[test]
        fn a_damaged_snapshot_does_no_harm(at in 0usize..400, byte: u8) {
            let mut taken = Snapshot::new("x".to_owned(), Xlen::Rv64);
            let mut sparse = Sparse::default();
            sparse.put(0x1000, &[7; 4096]);
            Recorder::new(Cached::new(sparse), &mut taken).page(PhysAddr::new(0x1000));
            let mut text = Vec::new();
            taken.write(&mut text).unwrap();
            text[at] = byte;
            if let Ok(mut read) = Snapshot::read(&text) {
                let _ = read.read(PhysAddr::new(0x1000), &mut [0; 4096]);
            }
        }
    }
}
