//! BTF: layouts of a Linux kernel's structures, as it carries them in its own memory.
//!
//! Source: Linux, Documentation/bpf/btf.rst. Every number in it is a claim: what leads out of the section is no
//! type, and no chain of types is followed without limit.

use std::collections::HashMap;

use super::layouts::Layouts;

/// First bytes of a section, little endian.
const MAGIC: u16 = 0xeb9f;
/// Most types that one name is resolved through: typedefs of typedefs.
const MOST_STEPS: usize = 32;
/// Most members that are looked at for one name: the largest structures have a few hundred.
const MOST_MEMBERS: u32 = 1 << 16;

/// Kinds of types, from btf.rst §2.2.
mod kind {
    pub const INT: u32 = 1;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// All types of a kernel.
pub(super) struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Offset of each type in `types`; that of type 1 first.
    places: Vec<usize>,
    /// Structures and unions by name.
    names: HashMap<String, u32>,
}

/// The fixed part of a type.
#[derive(Clone, Copy)]
struct TypeHead {
    name: u32,
    kind: u32,
    count: usize,
    has_bit_sizes: bool,
    /// Size in bytes, or the type that it refers to.
    size_or_type: u32,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

impl Btf {
    /// Reads a section; `None` if it is none, or ends too early.
    pub fn read(section: &[u8]) -> Option<Btf> {
        let magic = section.get(..2)?;
        if u16::from_le_bytes(magic.try_into().ok()?) != MAGIC {
            return None;
        }
        let header = word(section, 4)? as usize;
        let part = |at: usize| -> Option<Vec<u8>> {
            let from = header.checked_add(word(section, at)? as usize)?;
            let end = from.checked_add(word(section, at + 4)? as usize)?;
            Some(section.get(from..end)?.to_vec())
        };
        let mut btf = Btf {
            types: part(8)?,
            strings: part(16)?,
            places: Vec::new(),
            names: HashMap::new(),
        };
        btf.index()?;
        Some(btf)
    }

    /// Finds where each type begins: they have different lengths.
    fn index(&mut self) -> Option<()> {
        let mut at = 0;
        while at < self.types.len() {
            let head = self.head_at(at)?;
            let count = head.count;
            let more = match head.kind {
                kind::INT | kind::VAR | kind::DECL_TAG => 4,
                kind::ARRAY => 12,
                kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => count * 12,
                kind::ENUM | kind::FUNC_PROTO => count * 8,
                _ => 0,
            };
            self.places.push(at);
            if matches!(head.kind, kind::STRUCT | kind::UNION)
                && let Some(name) = self.string(head.name).filter(|name| !name.is_empty())
            {
                let (name, id) = (name.to_owned(), self.places.len() as u32);
                self.names.entry(name).or_insert(id);
            }
            at += 12 + more;
        }
        Some(())
    }

    fn head_at(&self, at: usize) -> Option<TypeHead> {
        let info = word(&self.types, at + 4)?;
        Some(TypeHead {
            name: word(&self.types, at)?,
            kind: info >> 24 & 0x1f,
            count: (info & 0xffff) as usize,
            has_bit_sizes: info >> 31 == 1,
            size_or_type: word(&self.types, at + 8)?,
        })
    }

    /// Place and head of a type by its number, behind typedefs and qualifiers.
    fn resolved(&self, id: u32) -> Option<(usize, TypeHead)> {
        let mut id = id;
        for _ in 0..MOST_STEPS {
            let at = *self.places.get((id as usize).checked_sub(1)?)?;
            let head = self.head_at(at)?;
            match head.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = head.size_or_type
                }
                _ => return Some((at, head)),
            }
        }
        None
    }

    fn string(&self, at: u32) -> Option<&str> {
        let rest = self.strings.get(at as usize..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// Offset in bytes and type of a member of type `id`, also inside of unnamed members.
    fn find(&self, id: u32, name: &str, depth: usize, left: &mut u32) -> Option<(u64, u32)> {
        let (at, head) = self.resolved(id)?;
        if !matches!(head.kind, kind::STRUCT | kind::UNION) || depth > MOST_STEPS {
            return None;
        }
        for place in 0..head.count {
            *left = left.checked_sub(1)?;
            let at = at + 12 + place * 12;
            let (known, of, bits) = (
                word(&self.types, at)?,
                word(&self.types, at + 4)?,
                word(&self.types, at + 8)?,
            );
            let bits = if head.has_bit_sizes {
                bits & 0xff_ffff
            } else {
                bits
            };
            let offset = u64::from(bits / 8);
            let known = self.string(known)?;
            if known == name {
                return Some((offset, of));
            }
            if known.is_empty()
                && let Some((inner, of)) = self.find(of, name, depth + 1, left)
            {
                return Some((offset + inner, of));
            }
        }
        None
    }
}

impl Layouts for Btf {
    fn member(&self, of: &str, path: &str) -> Option<u64> {
        let mut id = *self.names.get(of)?;
        let mut sum = 0;
        for name in path.split('.') {
            let mut left = MOST_MEMBERS;
            let (offset, of) = self.find(id, name, 0, &mut left)?;
            (sum, id) = (sum + offset, of);
        }
        Some(sum)
    }

    fn size(&self, of: &str) -> Option<u64> {
        let (_, head) = self.resolved(*self.names.get(of)?)?;
        Some(u64::from(head.size_or_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `struct task { int pid; union { struct list tasks; }; list_t other; }`, `struct list { void *next, *prev; }`.
    fn section() -> Vec<u8> {
        let mut strings = vec![0];
        let mut name = |text: &str| {
            let at = strings.len() as u32;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let names = [
            "task", "pid", "tasks", "other", "list", "next", "prev", "list_t",
        ];
        let [task, pid, tasks, other, list, next, prev, list_t] = names.map(&mut name);
        let head = |kind: u32, count: u32| kind << 24 | count;
        let words = [
            // 1: int
            [0, head(kind::INT, 0), 4].as_slice(),
            &[32],
            // 2: void *
            &[0, head(2, 0), 0],
            // 3: struct list
            &[list, head(kind::STRUCT, 2), 16, next, 2, 0, prev, 2, 64],
            // 4: typedef struct list list_t
            &[list_t, head(kind::TYPEDEF, 0), 3],
            // 5: the unnamed union
            &[0, head(kind::UNION, 1), 16, tasks, 3, 0],
            // 6: struct task
            &[
                task,
                head(kind::STRUCT, 3),
                40,
                pid,
                1,
                0,
                0,
                5,
                64,
                other,
                4,
                192,
            ],
        ]
        .concat();
        let types: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut all = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types.len(), types.len(), strings.len()] {
            all.extend((word as u32).to_le_bytes());
        }
        all.extend(types.iter().chain(&strings));
        all
    }

    #[test]
    fn members_are_found_through_typedefs_and_unnamed_unions() {
        let btf = Btf::read(&section()).expect("a section");
        assert_eq!(btf.member("task", "pid"), Some(0));
        assert_eq!(btf.member("task", "tasks.prev"), Some(16));
        assert_eq!(btf.member("task", "other.next"), Some(24));
        assert_eq!(btf.size("task"), Some(40));
        assert_eq!(btf.member("task", "nothing"), None);
        assert_eq!(btf.member("no_such", "pid"), None);
    }

    proptest! {
        #[test]
        fn a_damaged_section_ends(at in 0usize..200, value: u8, cut in 0usize..300) {
            let mut bytes = section();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(cut);
            if let Some(btf) = Btf::read(&bytes) {
                btf.member("task", "other.next");
                btf.size("list");
            }
        }
    }
}
