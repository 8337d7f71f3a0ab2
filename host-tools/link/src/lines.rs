//! Source lines of addresses, from a program's DWARF.

use gimli::SectionId;
use object::Object;

use crate::debug_sections::{self, SectionBytes};
use crate::symbols::SymbolsError;

/// A source location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// File name as in the debug information, with its directory.
    pub file: String,
    /// Line number, from 1.
    pub number: u32,
    /// The inlined function that contains the line; `None` if it is not inlined.
    pub inlined: Option<String>,
}

/// Line table of one program.
pub struct Lines(addr2line::Context<SectionBytes>);

impl Lines {
    /// Reads the line table of an ELF file; `None` if it has no usable DWARF.
    pub fn read(elf: &[u8]) -> Result<Option<Lines>, SymbolsError> {
        let file = object::File::parse(elf).map_err(SymbolsError::NotAnObject)?;
        let has_lines = file.section_by_name(SectionId::DebugLine.name()).is_some();
        if !has_lines {
            return Ok(None);
        }
        let dwarf = debug_sections::load(&file).map_err(SymbolsError::NotAnObject)?;
        Ok(addr2line::Context::from_dwarf(dwarf).ok().map(Lines))
    }

    /// The line of an instruction; `None` if the program does not state it.
    pub fn line(&self, address: u64) -> Option<SourceLine> {
        // addr2line adds one to it.
        address.checked_add(1)?;
        // All sections are in memory: no other file is to be loaded.
        let frames = self.0.find_frames(address).skip_all_loads();
        let frame = frames.ok().and_then(|mut frames| {
            let mut frame = frames.next().ok()??;
            loop {
                let outer = frames.next().ok().flatten();
                let name = frame.function.filter(|_| outer.is_some());
                let name = name.and_then(|it| Some(it.demangle().ok()?.into_owned()));
                match (frame.location.as_ref().and_then(known), outer) {
                    (Some((file, number)), _) => return Some((file, number, name)),
                    // Compiler-generated code without a line: the call around it has one.
                    (None, outer) => frame = outer?,
                }
            }
        });
        // Assembly has lines but no functions.
        let (file, number, inlined) = match frame {
            Some(frame) => frame,
            None => {
                let place = self.0.find_location(address).ok()??;
                let (file, number) = known(&place)?;
                (file, number, None)
            }
        };
        Some(SourceLine {
            file,
            number,
            inlined,
        })
    }
}

/// In DWARF line 0 means that there is none.
fn known(place: &addr2line::Location<'_>) -> Option<(String, u32)> {
    let number = place.line.filter(|line| *line > 0)?;
    Some((place.file?.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_file_has_no_lines_and_is_no_elf() {
        assert!(Lines::read(b"hello").is_err());
    }

    #[test]
    fn assembly_has_lines_and_the_last_address_has_none() {
        let elf = include_bytes!("../../cli/tests/captures/fall.elf");
        let lines = Lines::read(elf).unwrap().unwrap();
        let line = |at| lines.line(at).map(|line| (line.file, line.number));
        assert_eq!(line(0x1_0010), Some(("/board/fall.s".to_owned(), 14)));
        assert_eq!((line(0x1_0018), line(u64::MAX)), (None, None));
    }

    #[test]
    fn a_stripped_program_tells_no_lines() {
        let stripped = include_bytes!("../../cli/tests/captures/touch_test.elf");
        assert!(Lines::read(stripped).is_ok_and(|lines| lines.is_none()));
    }
}
