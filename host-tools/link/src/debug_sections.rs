//! Sections of DWARF in an ELF file, as gimli reads them.

use std::sync::Arc;

use gimli::{Dwarf, EndianArcSlice, RunTimeEndian, SectionId};
use object::{Object, ObjectSection};

/// The bytes of one section.
pub(crate) type SectionBytes = EndianArcSlice<RunTimeEndian>;

/// The bytes of a section; none where the file has no such section.
pub(crate) fn section(file: &object::File, id: SectionId) -> Result<SectionBytes, object::Error> {
    let endian = match file.is_little_endian() {
        true => RunTimeEndian::Little,
        false => RunTimeEndian::Big,
    };
    let section = file.section_by_name(id.name());
    let bytes = match section {
        Some(section) => section.uncompressed_data()?,
        None => (&[][..]).into(),
    };
    Ok(EndianArcSlice::new(Arc::from(&*bytes), endian))
}

/// All sections that hold types, names and lines.
pub(crate) fn load(file: &object::File) -> Result<Dwarf<SectionBytes>, object::Error> {
    Dwarf::load(|id| section(file, id))
}
