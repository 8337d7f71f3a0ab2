//! ELF programs without what is for debuggers: sections that no segment loads and whose name says so.
//!
//! What is loaded stays byte for byte where it is. Behind it come the other sections, closer together; names of
//! functions are among them. Of a program that our linker script made the result is the bytes that the linker
//! itself writes with `--strip-debug`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{PackError, Result, output};

/// What a program was and what it is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// Size in bytes with debug information.
    pub before: u64,
    /// Size in bytes without debug information.
    pub after: u64,
}

/// Copies `program` into `folder` under its own name, stripped; its mode is kept.
pub fn into_folder(program: &Path, folder: &Path) -> Result<Stripped> {
    let name = program
        .file_name()
        .ok_or_else(|| PackError::wrong(program, "is not a file"))?;
    let bytes = fs::read(program).map_err(PackError::io("read", program))?;
    let stripped = strip_debug(&bytes).ok_or_else(|| {
        PackError::wrong(program, "is not a little-endian ELF file, or it is damaged")
    })?;
    let to: PathBuf = folder.join(name);
    output::write(&to, &stripped)?;
    let mode = fs::metadata(program)
        .map_err(PackError::io("read", program))?
        .permissions();
    fs::set_permissions(&to, mode).map_err(PackError::io("write", &to))?;
    Ok(Stripped {
        before: bytes.len() as u64,
        after: stripped.len() as u64,
    })
}

/// Where fields stand in a header of a section and of the file; offsets in bytes.
struct ElfFields {
    word: usize,
    section_table: usize,
    section_entry: usize,
    section_bytes: usize,
    flags: usize,
    offset: usize,
    size: usize,
    link: usize,
    align: usize,
}

const ELF64: ElfFields = ElfFields {
    word: 8,
    section_table: 0x28,
    section_entry: 0x3a,
    section_bytes: 64,
    flags: 8,
    offset: 24,
    size: 32,
    link: 40,
    align: 48,
};
const ELF32: ElfFields = ElfFields {
    word: 4,
    section_table: 0x20,
    section_entry: 0x2e,
    section_bytes: 40,
    flags: 8,
    offset: 16,
    size: 20,
    link: 24,
    align: 32,
};
/// A section that is loaded.
const ALLOCATED: u64 = 2;
/// Section type SHT_SYMTAB (ELF specification, section header table).
const SYMBOLS: u64 = 2;
/// A section without bytes in the file.
const NO_BITS: u64 = 8;

/// One section, as its header has it.
struct Section<'a> {
    header: &'a [u8],
    name: &'a [u8],
    content: &'a [u8],
    is_loaded: bool,
}

/// The program without debug information; `None` for what is not a little-endian ELF file of 32 or 64 bits.
pub fn strip_debug(bytes: &[u8]) -> Option<Vec<u8>> {
    let fields = match bytes.get(..6)? {
        [0x7f, b'E', b'L', b'F', 2, 1] => ELF64,
        [0x7f, b'E', b'L', b'F', 1, 1] => ELF32,
        _ => return None,
    };
    let sections = sections(bytes, &fields)?;
    let is_kept = |section: &Section| section.is_loaded || !section.name.starts_with(b".debug");
    // Where each section is afterwards; 0 for one that is left out, which nothing that stays refers to.
    let mut places = vec![0; sections.len()];
    let mut kept = Vec::new();
    for (n, section) in sections.iter().enumerate().filter(|(_, it)| is_kept(it)) {
        places[n] = kept.len() as u64;
        kept.push(section);
    }
    let loaded = kept.iter().filter(|section| section.is_loaded);
    let end = loaded.filter_map(|section| {
        let offset = number(section.header, fields.offset, fields.word)?;
        Some(offset as usize + section.content.len())
    });
    let mut out = bytes.get(..end.max()?)?.to_vec();
    let names_at = number(bytes, fields.section_entry + 4, 2)? as usize;
    let names: Vec<u8> = kept
        .iter()
        .flat_map(|it| [it.name, b"\0"].concat())
        .collect();
    let mut headers = Vec::new();
    let mut name_at = 0;
    for (n, section) in kept.iter().enumerate() {
        let mut header = section.header.to_vec();
        put(&mut header, 0, 4, name_at);
        name_at += section.name.len() as u64 + 1;
        let link = number(&header, fields.link, 4)? as usize;
        put(&mut header, fields.link, 4, *places.get(link)?);
        if n > 0 && !section.is_loaded {
            let align = number(&header, fields.align, fields.word)?.clamp(1, 4096) as usize;
            let is_names = places.get(names_at) == Some(&(n as u64));
            let content = match number(&header, 4, 4)? {
                SYMBOLS => symbols(section.content, &places, &fields),
                _ if is_names => names.clone(),
                _ => section.content.to_vec(),
            };
            out.resize(out.len().next_multiple_of(align), 0);
            put(&mut header, fields.offset, fields.word, out.len() as u64);
            put(&mut header, fields.size, fields.word, content.len() as u64);
            out.extend(content);
        }
        headers.extend(header);
    }
    out.resize(out.len().next_multiple_of(fields.word), 0);
    let table = out.len() as u64;
    put(&mut out, fields.section_table, fields.word, table);
    put(&mut out, fields.section_entry + 2, 2, kept.len() as u64);
    put(
        &mut out,
        fields.section_entry + 4,
        2,
        *places.get(names_at)?,
    );
    out.extend(headers);
    Some(out)
}

/// The symbols, with the numbers that their sections have now. One of a section that is left out is the number
/// 0, as the linker makes it.
fn symbols(content: &[u8], places: &[u64], fields: &ElfFields) -> Vec<u8> {
    const ABSOLUTE: u64 = 0xfff1;
    let (entry, section_at, value_at) = match fields.word {
        8 => (24, 6, 8),
        _ => (16, 14, 4),
    };
    let mut symbols = content.to_vec();
    for symbol in symbols.chunks_exact_mut(entry) {
        let section = number(symbol, section_at, 2).unwrap_or(0);
        let place = match places.get(section as usize) {
            Some(0) if section != 0 => {
                put(symbol, value_at, fields.word, 0);
                ABSOLUTE
            }
            Some(place) => *place,
            // Absolute, or common.
            None => section,
        };
        put(symbol, section_at, 2, place);
    }
    symbols
}

fn sections<'a>(bytes: &'a [u8], fields: &ElfFields) -> Option<Vec<Section<'a>>> {
    let table = number(bytes, fields.section_table, fields.word)? as usize;
    let size = number(bytes, fields.section_entry, 2)? as usize;
    let count = number(bytes, fields.section_entry + 2, 2)? as usize;
    if size != fields.section_bytes {
        return None;
    }
    let header = |n: usize| bytes.get(table.checked_add(n * size)?..)?.get(..size);
    let content = |header: &[u8]| {
        let offset = number(header, fields.offset, fields.word)? as usize;
        let length = number(header, fields.size, fields.word)? as usize;
        match number(header, 4, 4)? {
            0 | NO_BITS => Some(&[][..]),
            _ => bytes.get(offset..offset.checked_add(length)?),
        }
    };
    let names = content(header(number(bytes, fields.section_entry + 4, 2)? as usize)?)?;
    let section = |n: usize| {
        let header = header(n)?;
        let name = names.get(number(header, 0, 4)? as usize..)?;
        Some(Section {
            header,
            name: name.split(|byte| *byte == 0).next()?,
            content: content(header)?,
            is_loaded: number(header, fields.flags, fields.word)? & ALLOCATED != 0,
        })
    };
    (0..count).map(section).collect()
}

/// A little-endian number of 2, 4 or 8 bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

fn put(bytes: &mut [u8], at: usize, length: usize, value: u64) {
    bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symbol of section 2, `.debug_line`.
    const SYMBOL: [u8; 24] = [
        1, 0, 0, 0, 0, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// `.text` is loaded, `.debug_line` and what follows is not.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let contents: [(&[u8], u64, u64, &[u8]); 5] = [
            (b"", 0, 0, b""),
            (b".text", 1, ALLOCATED, b"code"),
            (b".debug_line", 1, 0, b"where each line is"),
            (b".symtab", 2, 0, &SYMBOL),
            (
                b".shstrtab",
                3,
                0,
                b"\0.text\0.debug_line\0.symtab\0.shstrtab\0",
            ),
        ];
        let names = contents[4].3;
        let mut headers = Vec::new();
        for (name, kind, flags, content) in contents {
            let mut header = vec![0; 64];
            let at = names
                .windows(name.len() + 1)
                .position(|it| it.strip_suffix(b"\0") == Some(name));
            put(&mut header, 0, 4, at.unwrap() as u64);
            put(&mut header, 4, 4, kind);
            put(&mut header, 8, 8, flags);
            put(&mut header, 24, 8, bytes.len() as u64);
            put(&mut header, 32, 8, content.len() as u64);
            put(&mut header, 40, 4, if name == b".symtab" { 4 } else { 0 });
            put(&mut header, 48, 8, 1);
            bytes.extend(content);
            headers.extend(header);
        }
        let table = bytes.len() as u64;
        put(&mut bytes, 0x28, 8, table);
        for (at, value) in [(0x3a, 64), (0x3c, 5), (0x3e, 4)] {
            put(&mut bytes, at, 2, value);
        }
        bytes.extend(headers);
        bytes
    }

    #[test]
    fn what_is_for_debuggers_goes_and_what_is_loaded_stays_where_it_is() {
        let before = program();
        let after = strip_debug(&before).unwrap();
        let sections = sections(&after, &ELF64).unwrap();
        let names: Vec<&[u8]> = sections.iter().map(|section| section.name).collect();
        assert_eq!(names, [&b""[..], b".text", b".symtab", b".shstrtab"]);
        assert_eq!(sections[1].content, b"code");
        assert_eq!(sections[1].header[24..32], 64_u64.to_le_bytes());
        assert_eq!(sections[2].content[..6], SYMBOL[..6]);
        assert_eq!(
            sections[2].content[6..8],
            [0xf1, 0xff],
            "a number, as its section is left out"
        );
        assert_eq!(
            number(sections[2].header, 40, 4),
            Some(3),
            "its names are there"
        );
        assert_eq!(
            strip_debug(&after),
            Some(after.clone()),
            "a second time changes nothing"
        );
    }

    #[test]
    fn what_is_no_program_is_refused_and_a_cut_one_is_no_panic() {
        let whole = program();
        assert_eq!(strip_debug(b"#!/bin/sh"), None);
        for length in 0..whole.len() {
            assert_eq!(strip_debug(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            // Whatever it is, it is no panic.
            let _ = strip_debug(&damaged);
        }
    }
}
