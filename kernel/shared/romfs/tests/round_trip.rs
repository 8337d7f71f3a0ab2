//! The reader returns what the writer wrote.

mod image;

use image::{file, image};
use proptest::prelude::*;
use romfs::writer::{Node, RomfsLayout, WriteError};
use romfs::{Entries, NodeKind, Romfs, RomfsError};

#[test]
fn what_is_written_reads_back() {
    let program = [7u8; 5000];
    let bin = vec![
        ("sh".to_owned(), file(0, 5000, 4096)),
        ("a".to_owned(), file(1, 3, 16)),
    ];
    let root = vec![
        ("bin".to_owned(), Node::Directory(bin)),
        ("again".to_owned(), Node::HardLink(0)),
        ("link".to_owned(), Node::Link("bin/sh".to_owned())),
        (
            "null".to_owned(),
            Node::Special(NodeKind::Character(1 << 16 | 3)),
        ),
        ("empty".to_owned(), file(2, 0, 16)),
    ];
    let image = image("test", &root, &[&program, b"abc", b""]);
    let romfs = Romfs::new(&image).unwrap();
    assert_eq!(romfs.label(), Ok(&b"test"[..]));
    let sh = romfs.lookup("bin/sh").unwrap();
    assert_eq!((sh.data(), sh.offset() % 4096), (&program[..], 0));
    assert_eq!(romfs.lookup("bin/../bin/./a").unwrap().data(), b"abc");
    assert_eq!(romfs.lookup("again").unwrap().offset(), sh.offset());
    assert_eq!(romfs.lookup("link").unwrap().data(), b"bin/sh");
    let null = romfs.lookup("null").unwrap();
    assert_eq!(null.kind, NodeKind::Character(1 << 16 | 3));
    assert_eq!(romfs.lookup("empty").unwrap().data(), b"");
    for missing in ["bin/zsh", "bin/sh/more", "", "/"] {
        assert_eq!(romfs.lookup(missing).unwrap_err(), RomfsError::NotFound);
    }
    let names: Vec<_> = romfs
        .root()
        .unwrap()
        .map(|entry| entry.unwrap().name)
        .collect();
    let wanted: [&[u8]; 7] = [b".", b"..", b"bin", b"again", b"link", b"null", b"empty"];
    assert_eq!(names, wanted);
    assert_eq!(romfs.check(), Ok(()));
}

#[test]
fn names_that_linux_could_not_read_are_refused() {
    let long = "x".repeat(128);
    for name in ["", ".", "..", "a/b", "a\0b", &long] {
        let root = [(name.to_owned(), file(0, 0, 16))];
        let error = RomfsLayout::new("", &root).unwrap_err();
        assert_eq!(error, WriteError::BadName(name.to_owned()));
    }
    for label in ["a\0b", &long] {
        let error = RomfsLayout::new(label, &[]).unwrap_err();
        assert_eq!(error, WriteError::BadLabel(label.to_owned()));
    }
    let longest = "x".repeat(127);
    let image = image(&longest, &[(longest.clone(), file(0, 1, 16))], &[b"!"]);
    let romfs = Romfs::new(&image).unwrap();
    assert_eq!(romfs.label(), Ok(longest.as_bytes()));
    assert_eq!(romfs.lookup(&longest).unwrap().data(), b"!");
}

#[test]
fn a_link_to_nothing_is_refused() {
    let root = [
        ("a".to_owned(), Node::HardLink(0)),
        ("b".to_owned(), file(0, 1, 16)),
    ];
    let error = RomfsLayout::new("", &root).unwrap_err();
    assert_eq!(error, WriteError::NoTarget("a".to_owned()));
}

#[test]
fn four_gib_are_too_many() {
    for sizes in [&[1u64 << 32][..], &[u64::MAX, u64::MAX], &[1 << 31; 2]] {
        let file = |(number, size): (usize, &u64)| {
            let node = Node::File {
                source: number,
                size: *size,
                executable: false,
                align: 16,
            };
            (format!("big{number}"), node)
        };
        let root: Vec<_> = sizes.iter().enumerate().map(file).collect();
        assert!(matches!(
            RomfsLayout::new("", &root),
            Err(WriteError::TooBig(_))
        ));
    }
}

/// A directory tree for the tests.
#[derive(Clone, Debug)]
enum Tree {
    File(Vec<u8>, bool, u32),
    Link(String),
    Device(u32),
    Directory(Vec<(String, Tree)>),
}

fn tree() -> impl Strategy<Value = Vec<(String, Tree)>> {
    let leaf = prop_oneof![
        (
            prop::collection::vec(any::<u8>(), 0..600),
            any::<bool>(),
            4u32..13
        )
            .prop_map(|(data, executable, align)| Tree::File(data, executable, align)),
        "[a-z/.]{1,40}".prop_map(Tree::Link),
        any::<u32>().prop_map(Tree::Device),
    ];
    let node = leaf.prop_recursive(4, 40, 8, |node| children(node).prop_map(Tree::Directory));
    children(node)
}

fn children(node: impl Strategy<Value = Tree>) -> impl Strategy<Value = Vec<(String, Tree)>> {
    // The first character is a letter, which excludes `.` and `..`. Names are unique.
    prop::collection::btree_map("[a-zé][a-z0-9._ -]{0,60}", node, 0..8)
        .prop_map(|children| children.into_iter().collect())
}

fn nodes(tree: &[(String, Tree)], data: &mut Vec<Vec<u8>>) -> Vec<(String, Node)> {
    let mut node = |tree: &Tree| match tree {
        Tree::File(bytes, executable, align) => {
            data.push(bytes.clone());
            Node::File {
                source: data.len() - 1,
                size: bytes.len() as u64,
                executable: *executable,
                align: 1 << align,
            }
        }
        Tree::Link(target) => Node::Link(target.clone()),
        Tree::Device(number) => Node::Special(NodeKind::Block(*number)),
        Tree::Directory(children) => Node::Directory(nodes(children, data)),
    };
    tree.iter()
        .map(|(name, child)| (name.clone(), node(child)))
        .collect()
}

fn assert_same(romfs: &Romfs, entries: Entries, tree: &[(String, Tree)]) {
    let entries: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    let (own, children) = entries.split_at(2);
    assert_eq!((own[0].name, own[1].name), (&b"."[..], &b".."[..]));
    assert_eq!(children.len(), tree.len());
    for (entry, (name, child)) in children.iter().zip(tree) {
        assert_eq!(entry.name, name.as_bytes());
        match child {
            Tree::File(bytes, executable, align) => {
                assert_eq!((entry.data(), entry.kind), (&bytes[..], NodeKind::File));
                assert_eq!(entry.executable, *executable);
                assert_eq!(entry.offset() % (1 << align), 0);
            }
            Tree::Link(target) => {
                assert_eq!(entry.data(), target.as_bytes());
                assert_eq!(entry.kind, NodeKind::SymbolicLink);
            }
            Tree::Device(number) => assert_eq!(entry.kind, NodeKind::Block(*number)),
            Tree::Directory(children) => {
                assert_same(romfs, romfs.entries(entry).unwrap(), children);
            }
        }
    }
}

proptest! {
    #[test]
    fn every_tree_reads_back(tree in tree(), label in "[a-z]{0,127}") {
        let mut data = Vec::new();
        let nodes = nodes(&tree, &mut data);
        let data: Vec<&[u8]> = data.iter().map(|bytes| &bytes[..]).collect();
        let image = image(&label, &nodes, &data);
        prop_assert_eq!(image.len() % 1024, 0);
        let romfs = Romfs::new(&image).unwrap();
        prop_assert_eq!(romfs.label(), Ok(label.as_bytes()));
        prop_assert_eq!(romfs.check(), Ok(()));
        assert_same(&romfs, romfs.root().unwrap(), &tree);
        prop_assert_eq!(image, self::image(&label, &nodes, &data), "other bytes the second time");
    }
}
