//! A value decoded field by field, and the MMU's reaction to it.

use std::io::{self, Write};

use pagetable::{Attributes, Dialect, Entry, Mode, Pte, ReservedMode, Satp, VirtAddr, Xlen};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::walk;
use crate::words::ExactSize;

/// One bit field.
#[derive(Serialize)]
pub struct Field {
    /// Bit range as in the manual: `63:60`.
    pub bits: String,
    /// Field name in the manual.
    pub name: &'static str,
    /// Value, shifted to bit 0.
    pub value: Hex<u64>,
    /// Explanation of the value.
    pub meaning: String,
}

/// A decoded value.
pub struct Fields {
    /// Type of the value: `satp`, `pte`, `va`.
    pub kind: &'static str,
    /// The undecoded value.
    pub raw: u64,
    /// Fields from the highest bit down.
    pub fields: Vec<Field>,
    /// Reactions of the MMU, one sentence each.
    pub verdicts: Vec<String>,
    /// A leaf whose permissions are listed.
    page: Option<Pte>,
}

fn field(raw: u64, high: u32, low: u32, name: &'static str, meaning: impl Into<String>) -> Field {
    let width = high - low + 1;
    Field {
        bits: match width {
            1 => high.to_string(),
            _ => format!("{high}:{low}"),
        },
        name,
        value: Hex(raw >> low & (u64::MAX >> (64 - width))),
        meaning: meaning.into(),
    }
}

/// Decodes `satp` of a hart with `xlen` bits.
pub fn satp(raw: u64, xlen: Xlen) -> Fields {
    let (mode, asid, ppn) = match xlen {
        Xlen::Rv32 => ((31, 31), (30, 22), (21, 0)),
        Xlen::Rv64 => ((63, 60), (59, 44), (43, 0)),
    };
    let decoded = Satp::decode(raw, xlen);
    let name = match decoded {
        Ok(satp) => satp.mode.name(),
        Err(ReservedMode(_)) => "reserved",
    };
    let root = Satp::decode(raw & !(0xf << 60), xlen).map(|satp| satp.root);
    let root = root.map(|at| format!("root table at {at}"));
    let verdicts = match decoded {
        Err(_) => vec!["a hart ignores a write of this value: satp keeps the old one".to_owned()],
        Ok(it) if it.mode == Mode::Bare && raw == 0 => {
            vec!["addresses are not translated".to_owned()]
        }
        Ok(it) if it.mode == Mode::Bare => vec![
            "addresses are not translated".to_owned(),
            "asid and ppn must be zero with mode bare: what a hart does is not specified"
                .to_owned(),
        ],
        Ok(it) => vec![format!(
            "addresses of {} bits go through {} levels of tables, the first at {}",
            it.mode.va_bits(),
            it.mode.levels(),
            it.root
        )],
    };
    Fields {
        kind: "satp",
        raw,
        fields: vec![
            field(raw, mode.0, mode.1, "MODE", name),
            field(raw, asid.0, asid.1, "ASID", ""),
            field(raw, ppn.0, ppn.1, "PPN", root.unwrap_or_default()),
        ],
        verdicts,
        page: None,
    }
}

/// Decodes a virtual address under `mode`.
pub fn va(at: VirtAddr, mode: Mode) -> Fields {
    let raw = at.raw();
    let mut fields = Vec::new();
    let bits = mode.va_bits();
    if mode != Mode::Sv32 {
        let sign = (raw >> (bits - 1)) & 1;
        let meaning = format!("each must equal bit {}, {sign}", bits - 1);
        fields.push(field(raw, 63, bits, "extension", meaning));
    }
    const NAMES: [&str; Mode::MOST_LEVELS] = ["VPN[0]", "VPN[1]", "VPN[2]", "VPN[3]", "VPN[4]"];
    for level in (0..mode.levels()).rev() {
        let low = mode.leaf_shift(level);
        let high = low + mode.index_bits() - 1;
        let offset = mode.index(at, level) * mode.entry_bytes();
        let meaning = format!(
            "entry {} of the level {level} table, {offset:#x} into it",
            mode.index(at, level)
        );
        fields.push(field(raw, high, low, NAMES[level as usize], meaning));
    }
    fields.push(field(raw, 11, 0, "offset", "into a 4KiB page"));
    let verdict = match mode.canonical(at) {
        true => format!("{} takes it", mode.name()),
        false => format!("{} refuses it: not canonical, a page fault", mode.name()),
    };
    Fields {
        kind: "va",
        raw,
        fields,
        verdicts: vec![verdict],
        page: None,
    }
}

/// Decodes an entry of a `mode` table at `level`, or at any level.
pub fn pte(pte: Pte, mode: Mode, dialect: Dialect, level: Option<u8>) -> Fields {
    let raw = pte.raw();
    let mut fields = upper_fields(raw, mode, dialect);
    let top = 9 + mode.ppn_bits();
    fields.push(field(
        raw,
        top,
        10,
        "PPN",
        format!("address {}", pte.target(mode)),
    ));
    fields.push(field(raw, 9, 8, "RSW", "left to software"));
    let bits: [(u32, &'static str, &str); 8] = [
        (7, "D", "written since cleared"),
        (6, "A", "used since cleared"),
        (5, "G", "in every address space"),
        (4, "U", "user mode's"),
        (3, "X", "may be executed"),
        (2, "W", "may be written"),
        (1, "R", "may be read"),
        (0, "V", "valid"),
    ];
    for (bit, name, meaning) in bits {
        let meaning = if raw >> bit & 1 == 1 { meaning } else { "" };
        fields.push(field(raw, bit, bit, name, meaning));
    }
    let levels = match level {
        Some(level) => level..=level,
        None => 0..=mode.root_level(),
    };
    let judged: Vec<(u8, Entry)> = levels
        .rev()
        .map(|level| (level, pte.decode(mode, level, dialect)))
        .collect();
    let verdicts = judged.iter().map(|(level, entry)| verdict(*level, entry));
    let is_leaf = |(_, entry): &(u8, Entry)| matches!(entry, Entry::Leaf(_));
    Fields {
        kind: "pte",
        raw,
        fields,
        verdicts: verdicts.collect(),
        page: judged.iter().any(is_leaf).then_some(pte),
    }
}

fn verdict(level: u8, entry: &Entry) -> String {
    match entry {
        Entry::Pointer(table) => {
            format!("at level {level}: the level {} table at {table}", level - 1)
        }
        Entry::Leaf(leaf) => format!(
            "at level {level}: a {} page at {}",
            ExactSize(leaf.page_bytes),
            leaf.base
        ),
        Entry::Refused(reason) => format!("at level {level}: a page fault, {reason}"),
    }
}

fn upper_fields(raw: u64, mode: Mode, dialect: Dialect) -> Vec<Field> {
    if mode == Mode::Sv32 {
        return Vec::new();
    }
    let attributes = dialect.attributes(raw);
    let memory = match attributes.memory_type() {
        Some(pagetable::MemoryType::Ram) => "main memory",
        Some(pagetable::MemoryType::NonCacheable) => "main memory, not cached",
        Some(pagetable::MemoryType::Device) => "device registers",
        None => "",
    };
    let reserved = |high| {
        let value = raw >> 54 & (u64::MAX >> (64 - (high - 53)));
        let meaning = if value == 0 {
            ""
        } else {
            "must be zero: a page fault"
        };
        field(raw, high, 54, "reserved", meaning)
    };
    match attributes {
        Attributes::THead(_) => {
            let bit = |bit, name, meaning: &str| {
                let meaning = if raw >> bit & 1 == 1 { meaning } else { "" };
                field(raw, bit, bit, name, meaning)
            };
            vec![
                bit(63, "SO", "strongly ordered"),
                bit(62, "C", "cacheable"),
                bit(61, "B", "bufferable"),
                bit(60, "SH", "shareable"),
                bit(59, "SEC", "trusted world's"),
                reserved(58),
            ]
        }
        Attributes::Pbmt(pbmt) if dialect == Dialect::Svpbmt => {
            let napot = if raw >> 63 == 1 {
                "16 pages joined"
            } else {
                ""
            };
            let meaning = match memory {
                "" => pbmt.name().to_owned(),
                _ => format!("{}: {memory}", pbmt.name()),
            };
            vec![
                field(raw, 63, 63, "N", napot),
                field(raw, 62, 61, "PBMT", meaning),
                reserved(60),
            ]
        }
        Attributes::Pbmt(_) => vec![reserved(63)],
    }
}

impl View for Fields {
    /// One row per field, then the verdicts.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {:#x}", self.kind, self.raw)?;
        let mut columns = Columns::new([
            ("bits", ColumnSide::Right),
            ("field", ColumnSide::Left),
            ("value", ColumnSide::Right),
            ("means", ColumnSide::Left),
        ]);
        for field in &self.fields {
            columns.row([
                field.bits.clone(),
                field.name.to_owned(),
                format!("{:#x}", field.value.0),
                field.meaning.clone(),
            ]);
        }
        columns.write(out, 0)?;
        writeln!(out)?;
        for verdict in &self.verdicts {
            writeln!(out, "{verdict}")?;
        }
        match self.page {
            Some(pte) => walk::accesses(out, pte),
            None => Ok(()),
        }
    }

    /// Schema `pagewalk.fields/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.fields/1")?;
        object.member("kind", self.kind)?;
        object.member("value", Hex(self.raw))?;
        object.list("fields", &self.fields)?;
        object.list("verdicts", &self.verdicts)?;
        object.end()
    }

    /// One row per field.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["bits", "field", "value", "means"])?;
        for field in &self.fields {
            rows.write_record([
                &field.bits,
                field.name,
                &format!("{:#x}", field.value.0),
                &field.meaning,
            ])?;
        }
        rows.flush()
    }
}

/// Summary of an entry at these levels; with none, at each level that accepts it.
pub(crate) fn means(pte: Pte, mode: Mode, dialect: Dialect, levels: &[u8]) -> String {
    let decode = |level| pte.decode(mode, level, dialect);
    if levels.is_empty() {
        let mut any = (0..mode.levels()).map(decode);
        let taken = any.find(|entry| !matches!(entry, Entry::Refused(_)));
        return match taken.unwrap_or_else(|| decode(0)) {
            Entry::Pointer(_) => "table".to_owned(),
            Entry::Leaf(_) => "page".to_owned(),
            Entry::Refused(reason) => reason.text().to_owned(),
        };
    }
    let words = levels.iter().rev().map(|level| match decode(*level) {
        Entry::Pointer(_) => "table".to_owned(),
        Entry::Leaf(leaf) => format!("{} page", ExactSize(leaf.page_bytes)),
        Entry::Refused(reason) => reason.text().to_owned(),
    });
    let mut words: Vec<String> = words.collect();
    words.dedup();
    words.join(" or ")
}
