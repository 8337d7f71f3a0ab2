//! Damaged images: no panic, no read outside of the image, no endless loop.

mod image;

use image::{file, image};
use proptest::prelude::*;
use romfs::writer::{Node, seal};
use romfs::{Entries, NodeKind, Romfs, RomfsError};

/// An image with directories, links and files; headers are at multiples of 16.
fn good() -> Vec<u8> {
    let below = vec![
        ("sh".to_owned(), file(0, 700, 4096)),
        ("sh2".to_owned(), Node::HardLink(0)),
        (
            "deep".to_owned(),
            Node::Directory(vec![("a".to_owned(), file(1, 3, 16))]),
        ),
    ];
    let root = [
        ("bin".to_owned(), Node::Directory(below)),
        ("link".to_owned(), Node::Link("bin/sh".to_owned())),
    ];
    image("good", &root, &[&[7; 700], b"abc"])
}

/// Offset of the header with a name.
fn header_of(image: &[u8], name: &[u8]) -> usize {
    let mut headers = (32..image.len()).step_by(16);
    let found =
        headers.find(|at| image[at + 16..].starts_with(name) && image[at + 16 + name.len()] == 0);
    found.expect("a header of that name")
}

fn put(image: &mut [u8], at: usize, word: u32) {
    image[at..at + 4].copy_from_slice(&word.to_be_bytes());
    seal(image);
}

/// Reads everything up to a depth; returns the number of entries.
fn read_all(romfs: &Romfs, entries: Entries, depth: usize) -> usize {
    let mut seen = 0;
    for entry in entries.take(1000) {
        seen += 1;
        let Ok(entry) = entry else { continue };
        assert!(entry.offset() + entry.data().len() <= romfs.size());
        let _ = romfs
            .resolve(entry)
            .map(|entry| (entry.data().len(), entry.kind));
        if let (NodeKind::Directory(_), 1..) = (entry.kind, depth) {
            seen += romfs
                .entries(&entry)
                .map_or(0, |entries| read_all(romfs, entries, depth - 1));
        }
    }
    seen
}

/// Calls every function of the reader on arbitrary bytes.
fn poke(bytes: &[u8]) {
    let Ok(romfs) = Romfs::new(bytes) else { return };
    let _ = (romfs.check(), romfs.label());
    for path in ["bin/sh", "bin/sh2", "bin/deep/a", "link", "../..", "./bin"] {
        let _ = romfs.lookup(path).map(|entry| entry.data().len());
    }
    if let Ok(root) = romfs.root() {
        read_all(&romfs, root, 2);
    }
}

#[test]
fn a_chain_that_leads_back_ends() {
    let mut image = good();
    let (bin, link) = (header_of(&image, b"bin"), header_of(&image, b"link"));
    put(&mut image, link, bin as u32 | 3);
    let romfs = Romfs::new(&image).unwrap();
    assert!(romfs.check().is_err());
    assert_eq!(romfs.lookup("nothing").unwrap_err(), RomfsError::BadHeader);
    let last = romfs.root().unwrap().last().unwrap();
    assert_eq!(last.unwrap_err(), RomfsError::BadHeader);
    // Readable entries are still returned.
    assert_eq!(romfs.lookup("bin/deep/a").unwrap().data(), b"abc");
}

#[test]
fn an_entry_that_is_its_own_next_ends() {
    let mut image = good();
    let link = header_of(&image, b"link");
    put(&mut image, link, link as u32 | 3);
    let romfs = Romfs::new(&image).unwrap();
    assert_eq!(romfs.lookup("nothing").unwrap_err(), RomfsError::BadHeader);
    assert!(romfs.check().is_err());
}

#[test]
fn a_directory_in_itself_ends() {
    let mut image = good();
    let (bin, deep) = (header_of(&image, b"bin"), header_of(&image, b"deep"));
    put(&mut image, deep + 4, bin as u32);
    // The checksum is corrected, so that the loop is what the reader finds.
    let sum = (0..8).fold(0u32, |sum, word| {
        let at = deep + word * 4;
        sum.wrapping_add(u32::from_be_bytes(image[at..at + 4].try_into().unwrap()))
    });
    let own = u32::from_be_bytes(image[deep + 12..deep + 16].try_into().unwrap());
    put(&mut image, deep + 12, own.wrapping_sub(sum));
    let romfs = Romfs::new(&image).unwrap();
    assert_eq!(romfs.check(), Err(RomfsError::BadHeader));
}

#[test]
fn hard_links_in_a_circle_end() {
    let mut image = good();
    let again = header_of(&image, b"sh2");
    put(&mut image, again + 4, again as u32);
    let romfs = Romfs::new(&image).unwrap();
    assert_eq!(romfs.lookup("bin/sh2").unwrap_err(), RomfsError::BadHeader);
    assert!(romfs.check().is_err());
}

#[test]
fn a_cut_image_is_refused_wherever_it_was_cut() {
    let image = good();
    let size = Romfs::new(&image).unwrap().size();
    for end in 0..size {
        assert!(Romfs::new(&image[..end]).is_err(), "cut at {end}");
    }
    assert!(Romfs::new(&image[..size]).is_ok());
}

#[test]
fn a_changed_bit_among_the_first_512_bytes_is_refused() {
    let image = good();
    for bit in 0..512 * 8 {
        let mut bad = image.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Romfs::new(&bad).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn noise_is_read_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        poke(&bytes);
        if bytes.len() >= 32 {
            bytes[..8].copy_from_slice(b"-rom1fs-");
            let size = bytes.len() as u32;
            put(&mut bytes, 8, size);
            prop_assert!(Romfs::new(&bytes).is_ok());
            poke(&bytes);
        }
    }

    #[test]
    fn small_numbers_in_the_wrong_places_do_no_harm(words in prop::collection::vec(0u32..512, 8..256)) {
        // Offsets inside of the image: chains, links and directories of every wrong shape.
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes[..8].copy_from_slice(b"-rom1fs-");
        let size = bytes.len() as u32;
        put(&mut bytes, 8, size);
        poke(&bytes);
    }

    #[test]
    fn a_damaged_image_is_read_without_harm(
        changes in prop::collection::vec((0usize..8192, any::<u8>()), 1..12),
    ) {
        let mut bytes = good();
        for (at, byte) in changes {
            let at = 16 + at % (bytes.len() - 16);
            bytes[at] = byte;
        }
        seal(&mut bytes);
        poke(&bytes);
    }
}
