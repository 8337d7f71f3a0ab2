//! Checks that an image is readable by every ROMFS reader and could have been made by `build`.
//!
//! The reader in [`romfs`] is lenient. Others are stricter: Linux reads names of up to 127 bytes, NuttX finds
//! the end of a name by its zero padding, and both need `.` and `..` in a directory.

use std::collections::{BTreeMap, BTreeSet};

use romfs::Romfs;
use romfs::writer::MAX_NAME;

/// Image lengths are a multiple of this, as `genromfs` and `build` make them.
const BLOCK: usize = 1024;
/// Most problems that are listed; the rest is counted.
const MOST: usize = 20;

/// Every problem of an image, one message each.
pub fn problems(bytes: &[u8]) -> Vec<String> {
    let checked = Romfs::new(bytes).and_then(|romfs| romfs.check().map(|()| romfs));
    let romfs = match checked {
        Ok(romfs) => romfs,
        Err(error) => return vec![error.to_string()],
    };
    let mut check = Check {
        bytes: &bytes[..romfs.size()],
        problems: Vec::new(),
        spans: BTreeMap::new(),
        links: Vec::new(),
    };
    if !bytes.len().is_multiple_of(BLOCK) {
        let length = bytes.len();
        check.tell(format!(
            "it has {}, which is not a multiple of {BLOCK}: Linux reads it in blocks",
            model::counted(length, "byte", "bytes")
        ));
    }
    let (label, root) = check.name(16);
    if label.len() > MAX_NAME {
        let length = label.len();
        check.tell(format!("its label has {length} bytes; at most {MAX_NAME}"));
    }
    check.spans.insert(0, root);
    check.directory(root, root, root, "");
    check.links();
    check.overlaps();
    let count = check.problems.len();
    check.problems.truncate(MOST);
    if count > MOST {
        check.problems.push(format!("and {} more", count - MOST));
    }
    check.problems
}

struct Check<'a> {
    bytes: &'a [u8],
    problems: Vec<String>,
    /// Start and end offset of each header with its data.
    spans: BTreeMap<usize, usize>,
    /// Hard links: path, and offset of the target header.
    links: Vec<(String, usize)>,
}

const KIND_HARD_LINK: u32 = 0;
const KIND_DIRECTORY: u32 = 1;
const KIND_FILE: u32 = 2;
const KIND_SYMBOLIC_LINK: u32 = 3;

impl<'a> Check<'a> {
    fn tell(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Reads a big-endian word. Bounds were checked before; outside the image it reads 0, which ends every
    /// chain.
    fn word(&self, at: usize) -> u32 {
        let word = self.bytes.get(at..at + 4);
        word.and_then(|word| word.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    }

    /// The name at offset `at`, and the offset where its padding ends.
    fn name(&self, at: usize) -> (&'a [u8], usize) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(rest.len());
        (&rest[..length], (at + length + 16) & !15)
    }

    /// Checks the entries from offset `first`, of the directory whose header is at `own`.
    fn directory(&mut self, first: usize, own: usize, parent: usize, path: &str) {
        let mut names = BTreeSet::new();
        let mut at = first;
        while at != 0 {
            let (next, spec, size) = (self.word(at), self.word(at + 4), self.word(at + 8) as usize);
            let (name, data) = self.name(at + 16);
            let place = format!("{path}/{}", String::from_utf8_lossy(name));
            let kind = next & 7;
            let has_data = matches!(kind, KIND_FILE | KIND_SYMBOLIC_LINK);
            let end = data + if has_data { size } else { 0 };
            self.padding(&place, at + 16 + name.len(), data);
            self.spans.insert(at, end);
            let target = spec as usize & !15;
            if !names.insert(name) {
                self.tell(format!("{place} is there twice"));
            }
            match name {
                b"." | b".." => {
                    let wanted = if name == b"." { own } else { parent };
                    if target != wanted {
                        self.tell(format!("{place} leads to {target:#x}, not to {wanted:#x}"));
                    }
                }
                _ => {
                    self.entry(&place, name, kind, size);
                    match kind {
                        KIND_DIRECTORY => self.directory(target, at, own, &place),
                        KIND_HARD_LINK => self.links.push((place, target)),
                        _ => {}
                    }
                }
            }
            at = next as usize & !15;
        }
        for wanted in [&b"."[..], b".."] {
            if !names.contains(wanted) {
                let wanted = String::from_utf8_lossy(wanted);
                self.tell(format!("{path}/ has no entry `{wanted}`"));
            }
        }
    }

    fn entry(&mut self, place: &str, name: &[u8], kind: u32, size: usize) {
        if name.is_empty() || name.len() > MAX_NAME || name.contains(&b'/') {
            self.tell(format!(
                "{place} has a name of {} bytes; a ROMFS name has 1 to {MAX_NAME}, without `/`",
                name.len()
            ));
        }
        if kind == KIND_SYMBOLIC_LINK && size == 0 {
            self.tell(format!("{place} is a link that leads nowhere"));
        }
    }

    fn padding(&mut self, place: &str, from: usize, to: usize) {
        let padding = self.bytes.get(from..to).unwrap_or_default();
        if padding.iter().any(|&byte| byte != 0) {
            self.tell(format!("{place} has a name that is not padded with zeros"));
        }
    }

    /// A hard link must point at a header that is not a directory.
    fn links(&mut self) {
        for (place, target) in std::mem::take(&mut self.links) {
            let kind = self.word(target) & 7;
            if !self.spans.contains_key(&target) {
                self.tell(format!("{place} leads to {target:#x}, where no header is"));
            } else if matches!(kind, KIND_DIRECTORY | KIND_HARD_LINK) {
                self.tell(format!(
                    "{place} is another name of something that is not a file"
                ));
            }
        }
    }

    fn overlaps(&mut self) {
        let spans: Vec<_> = self.spans.iter().map(|(&at, &end)| (at, end)).collect();
        for pair in spans.windows(2) {
            let ((first, end), (second, _)) = (pair[0], pair[1]);
            if end > second {
                self.tell(format!(
                    "what is at {first:#x} reaches into what is at {second:#x}"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use romfs::writer::{Node, seal};

    use super::*;

    fn image() -> Vec<u8> {
        let file = |source| Node::File {
            source,
            size: 20,
            executable: false,
            align: 16,
        };
        let below = vec![("inner".to_owned(), file(1))];
        let root = [
            ("a".to_owned(), file(0)),
            ("b".to_owned(), Node::HardLink(0)),
            ("dir".to_owned(), Node::Directory(below)),
            ("to".to_owned(), Node::Link("a".into())),
        ];
        crate::test_image::of(&root)
    }

    fn find(bytes: &[u8], text: &[u8]) -> usize {
        let mut windows = bytes.windows(text.len());
        windows.position(|window| window == text).unwrap()
    }

    /// Recomputes the checksums of a header and of the image.
    fn summed(mut bytes: Vec<u8>, header: usize, name: usize) -> Vec<u8> {
        bytes[header + 12..header + 16].fill(0);
        let end = header + 16 + (name + 16) / 16 * 16;
        let sum = bytes[header..end]
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .fold(0u32, u32::wrapping_add);
        bytes[header + 12..header + 16].copy_from_slice(&sum.wrapping_neg().to_be_bytes());
        seal(&mut bytes);
        bytes
    }

    #[test]
    fn what_build_makes_is_good_and_what_it_would_not_make_is_told() {
        let good = image();
        assert_eq!(problems(&good), Vec::<String>::new());
        let at = |name: &[u8]| find(&good, name) - 16;
        let (a, b, inner) = (at(b"a\0\0\0\0\0\0\0"), at(b"b\0\0\0\0"), at(b"inner"));
        let told = |bytes: Vec<u8>, wanted: &str| {
            let problems = problems(&bytes);
            assert!(
                problems.iter().any(|it| it.contains(wanted)),
                "{wanted}: {problems:?}"
            );
        };
        let mut twice = good.clone();
        twice[b + 16] = b'a';
        told(summed(twice, b, 1), "/a is there twice");
        let mut slash = good.clone();
        slash[inner + 16] = b'/';
        told(summed(slash, inner, 5), "without `/`");
        let mut padded = good.clone();
        padded[a + 16 + 10] = 1;
        told(summed(padded, a, 1), "not padded with zeros");
        let mut astray = good.clone();
        astray[b + 7] += 16;
        told(summed(astray, b, 1), "where no header is");
        let mut long = good.clone();
        long[a + 11] = 40;
        told(summed(long, a, 1), "reaches into");
        told(good[..good.len() - 8].to_vec(), "not a multiple of 1024");
        let mut summed_wrong = good.clone();
        summed_wrong[inner + 12] ^= 1;
        seal(&mut summed_wrong);
        assert_eq!(problems(&summed_wrong).len(), 1);
    }
}
