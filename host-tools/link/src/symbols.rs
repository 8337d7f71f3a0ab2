//! Function names of addresses, from an ELF file.

use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use thiserror::Error;

/// The functions of one program, by address.
pub struct Symbols {
    /// Start, size and name, sorted by start.
    functions: Vec<(u64, u64, String)>,
}

/// Why a file has no function names.
#[derive(Debug, Error)]
pub enum SymbolsError {
    /// Not a readable object file.
    #[error("not an ELF file")]
    NotAnObject(#[source] object::Error),
    /// An object file without functions: it was stripped.
    #[error("has no function symbols; was it stripped?")]
    NoFunctions,
}

/// The build id that the linker gave a program, from its GNU note; `None` without one.
pub fn build_id(elf: &[u8]) -> Option<Vec<u8>> {
    let file = object::File::parse(elf).ok()?;
    file.build_id().ok().flatten().map(<[u8]>::to_vec)
}

impl Symbols {
    /// Reads the functions of an ELF file.
    pub fn read(elf: &[u8]) -> Result<Symbols, SymbolsError> {
        let file = object::File::parse(elf).map_err(SymbolsError::NotAnObject)?;
        let is_in_text = |symbol: &object::Symbol<'_, '_>| {
            let section = symbol.section_index().map(|at| file.section_by_index(at));
            section.is_some_and(|section| section.is_ok_and(|it| it.kind() == SectionKind::Text))
        };
        // Assembly without `.type` leaves its labels without a type.
        let is_code = |symbol: &object::Symbol<'_, '_>| match symbol.kind() {
            SymbolKind::Text => symbol.is_definition(),
            SymbolKind::Unknown | SymbolKind::Label => is_in_text(symbol),
            _ => false,
        };
        let mut functions: Vec<_> = file
            .symbols()
            .filter(is_code)
            .filter_map(|symbol| Some((symbol.address(), symbol.size(), name_of(&symbol)?)))
            .collect();
        if functions.is_empty() {
            return Err(SymbolsError::NoFunctions);
        }
        functions.sort();
        Ok(Symbols { functions })
    }

    /// The function that contains an address, and the offset in it. A function without a size (assembly)
    /// extends to the next one.
    pub fn name(&self, address: u64) -> Option<(&str, u64)> {
        let after = self
            .functions
            .partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.functions[..after].last()?;
        let offset = address - start;
        let is_inside = match size {
            0 => after < self.functions.len(),
            size => offset < *size,
        };
        is_inside.then_some((name, offset))
    }
}

fn name_of<'data>(symbol: &impl ObjectSymbol<'data>) -> Option<String> {
    let name = symbol.name().ok().filter(|name| !name.is_empty())?;
    // Local labels and mapping symbols (`$x`, `.Lpcrel`) are not functions.
    if name.starts_with(['$', '.']) {
        return None;
    }
    Some(format!("{:#}", rustc_demangle::demangle(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_it_lies_in() {
        let functions = vec![
            (0x100, 0x10, "first".to_owned()),
            (0x200, 0, "entry".to_owned()),
            (0x300, 8, "last".to_owned()),
        ];
        let symbols = Symbols { functions };
        assert_eq!(symbols.name(0xff), None);
        assert_eq!(symbols.name(0x10f), Some(("first", 0xf)));
        assert_eq!(symbols.name(0x110), None);
        assert_eq!(symbols.name(0x2ff), Some(("entry", 0xff)));
        assert_eq!(symbols.name(0x308), None);
    }

    #[test]
    fn a_text_file_is_no_elf() {
        let error = Symbols::read(b"hello").err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text == "not an ELF file"));
    }
}
