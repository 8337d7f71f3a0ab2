//! DWARF: layouts of a kernel's structures, from the file that it was linked to.
//!
//! Units are looked through one after another until one has the structure, so that of a large kernel only the
//! first few are read: each file that includes a header has its structures. Source: DWARF 5, §5.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Operation, Unit, UnitOffset, UnitSectionOffset,
    constants as dw,
};

use super::layouts::Layouts;
use crate::debug_sections::SectionBytes;

/// Most members that are looked at for one name.
const MOST_MEMBERS: u32 = 1 << 16;
/// Most types that one name is resolved through: typedefs of typedefs, and structures in structures.
const MOST_STEPS: usize = 32;

type Entry = DebuggingInformationEntry<SectionBytes>;

/// All types of a program.
pub(super) struct Dwarf {
    sections: gimli::Dwarf<SectionBytes>,
    /// Units that were looked at, by their place: each has its own table of abbreviations.
    units: RefCell<HashMap<usize, Rc<Unit<SectionBytes>>>>,
    /// Types by name, found or not.
    names: RefCell<HashMap<String, Option<TypePlace>>>,
}

/// Where a type is: its unit, and the place in it.
#[derive(Clone, Copy)]
struct TypePlace {
    unit: usize,
    at: UnitOffset<usize>,
}

impl Dwarf {
    pub fn new(sections: gimli::Dwarf<SectionBytes>) -> Dwarf {
        Dwarf {
            sections,
            units: Default::default(),
            names: Default::default(),
        }
    }

    /// Bytes of a member.
    pub fn member_bytes(&self, of: &str, path: &str) -> Option<u64> {
        let (_, place) = self.path(of, path)?;
        self.bytes(place, MOST_STEPS)
    }

    /// Names of an enumeration's values.
    pub fn enumerators(&self, of: &str) -> Vec<(String, u64)> {
        let Some(place) = self.named(of) else {
            return Vec::new();
        };
        let children = self.children(place, dw::DW_TAG_enumerator);
        let one = |(unit, entry): &(Rc<Unit<SectionBytes>>, Entry)| {
            let value = entry.attr(dw::DW_AT_const_value)?;
            let value = value
                .udata_value()
                .or(value.sdata_value().map(|it| it as u64));
            Some((self.name(unit, entry)?, value?))
        };
        children.iter().filter_map(one).collect()
    }

    fn unit(&self, at: usize) -> Option<Rc<Unit<SectionBytes>>> {
        if let Some(unit) = self.units.borrow().get(&at) {
            return Some(Rc::clone(unit));
        }
        let header = self.sections.unit_header(gimli::DebugInfoOffset(at)).ok()?;
        let unit = Rc::new(self.sections.unit(header).ok()?);
        self.units.borrow_mut().insert(at, Rc::clone(&unit));
        Some(unit)
    }

    fn name(&self, unit: &Unit<SectionBytes>, entry: &Entry) -> Option<String> {
        let value = entry.attr_value(dw::DW_AT_name)?;
        let name = self.sections.attr_string(unit, value).ok()?;
        String::from_utf8(name.to_vec()).ok()
    }

    /// The structure, union or enumeration with this name, of the first unit that has it whole.
    fn named(&self, name: &str) -> Option<TypePlace> {
        if let Some(known) = self.names.borrow().get(name) {
            return *known;
        }
        let mut headers = self.sections.units();
        let mut found = None;
        while let (None, Ok(Some(header))) = (found, headers.next()) {
            let UnitSectionOffset(at) = header.offset();
            found = self.unit(at).and_then(|unit| self.in_unit(&unit, at, name));
        }
        self.names.borrow_mut().insert(name.to_owned(), found);
        found
    }

    fn in_unit(&self, unit: &Unit<SectionBytes>, at: usize, name: &str) -> Option<TypePlace> {
        let mut entries = unit.entries();
        entries.next_dfs().ok()??;
        entries.next_dfs().ok()??;
        while let Some(entry) = entries.current() {
            let is_type = matches!(
                entry.tag(),
                dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_enumeration_type
            );
            let is_whole = entry.attr(dw::DW_AT_declaration).is_none();
            if is_type && is_whole && self.name(unit, entry).as_deref() == Some(name) {
                return Some(TypePlace {
                    unit: at,
                    at: entry.offset(),
                });
            }
            entries.next_sibling().ok()?;
        }
        None
    }

    /// The type that an entry refers to.
    fn type_of(&self, unit: usize, entry: &Entry) -> Option<TypePlace> {
        match entry.attr_value(dw::DW_AT_type)? {
            AttributeValue::UnitRef(at) => Some(TypePlace { unit, at }),
            AttributeValue::DebugInfoRef(at) => {
                let mut headers = self.sections.units();
                while let Ok(Some(header)) = headers.next() {
                    let UnitSectionOffset(unit) = header.offset();
                    if let Some(at) = at.to_unit_offset(&header) {
                        return Some(TypePlace { unit, at });
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// A type behind typedefs and qualifiers.
    fn resolved(&self, place: TypePlace) -> Option<(TypePlace, Entry)> {
        let mut place = place;
        for _ in 0..MOST_STEPS {
            let entry = self.unit(place.unit)?.entry(place.at).ok()?;
            match entry.tag() {
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_atomic_type => place = self.type_of(place.unit, &entry)?,
                _ => return Some((place, entry)),
            }
        }
        None
    }

    /// What a type has of one kind: members, enumerators, bounds of an array.
    fn children(&self, place: TypePlace, tag: dw::DwTag) -> Vec<(Rc<Unit<SectionBytes>>, Entry)> {
        let read = || {
            let (place, _) = self.resolved(place)?;
            let unit = self.unit(place.unit)?;
            let mut entries = unit.entries_at_offset(place.at).ok()?;
            let mut found = Vec::new();
            entries.next_dfs().ok()??;
            entries.next_dfs().ok()??;
            while let Some(entry) = entries.current().filter(|entry| entry.depth() == 1) {
                if entry.tag() == tag {
                    found.push((Rc::clone(&unit), entry.clone()));
                }
                entries.next_sibling().ok()?;
            }
            Some(found)
        };
        read().unwrap_or_default()
    }

    /// Offset and type of a member, also inside of unnamed members.
    fn find(
        &self,
        of: TypePlace,
        name: &str,
        steps: usize,
        left: &mut u32,
    ) -> Option<(u64, TypePlace)> {
        let steps = steps.checked_sub(1)?;
        let (of, _) = self.resolved(of)?;
        for (unit, entry) in self.children(of, dw::DW_TAG_member) {
            *left = left.checked_sub(1)?;
            let (Some(offset), Some(place)) =
                (offset(&unit, &entry), self.type_of(of.unit, &entry))
            else {
                continue;
            };
            match self.name(&unit, &entry) {
                Some(known) if known == name => return Some((offset, place)),
                Some(_) => {}
                None => {
                    if let Some((inner, place)) = self.find(place, name, steps, left) {
                        return Some((offset.checked_add(inner)?, place));
                    }
                }
            }
        }
        None
    }

    fn path(&self, of: &str, path: &str) -> Option<(u64, TypePlace)> {
        let mut place = self.named(of)?;
        let mut sum = 0_u64;
        for name in path.split('.') {
            let mut left = MOST_MEMBERS;
            let (offset, of) = self.find(place, name, MOST_STEPS, &mut left)?;
            (sum, place) = (sum.checked_add(offset)?, of);
        }
        Some((sum, place))
    }

    /// Bytes of a type.
    fn bytes(&self, place: TypePlace, steps: usize) -> Option<u64> {
        let steps = steps.checked_sub(1)?;
        let (place, entry) = self.resolved(place)?;
        // Some compilers give pointers no size of their own.
        if entry.tag() == dw::DW_TAG_pointer_type {
            let address_size = self.unit(place.unit)?.encoding().address_size;
            return Some(address_size.into());
        }
        if entry.tag() != dw::DW_TAG_array_type {
            return entry.attr(dw::DW_AT_byte_size)?.udata_value();
        }
        let mut bytes = self.bytes(self.type_of(place.unit, &entry)?, steps)?;
        for (_, bounds) in self.children(place, dw::DW_TAG_subrange_type) {
            let count = bounds.attr(dw::DW_AT_count).and_then(|it| it.udata_value());
            let last = bounds.attr(dw::DW_AT_upper_bound);
            let last = last.and_then(|it| it.udata_value()?.checked_add(1));
            bytes = bytes.checked_mul(count.or(last)?)?;
        }
        Some(bytes)
    }
}

/// Offset of a member; DWARF 2 writes it as an expression.
fn offset(unit: &Unit<SectionBytes>, entry: &Entry) -> Option<u64> {
    let Some(attribute) = entry.attr(dw::DW_AT_data_member_location) else {
        let bits = entry.attr(dw::DW_AT_data_bit_offset);
        // A member of a union may have none.
        return Some(bits.and_then(|it| it.udata_value()).unwrap_or(0) / 8);
    };
    match attribute.value() {
        AttributeValue::Exprloc(expression) => {
            let mut operations = expression.operations(unit.encoding());
            match operations.next().ok()?? {
                Operation::PlusConstant { value } => Some(value),
                _ => None,
            }
        }
        _ => attribute.udata_value(),
    }
}

impl Layouts for Dwarf {
    fn member(&self, of: &str, path: &str) -> Option<u64> {
        self.path(of, path).map(|(offset, _)| offset)
    }

    fn size(&self, of: &str) -> Option<u64> {
        self.bytes(self.named(of)?, MOST_STEPS)
    }
}
