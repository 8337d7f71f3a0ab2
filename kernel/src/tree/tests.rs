//! Trees, beside what a library reads in them, and trees that are damaged.

use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{fdt::Fdt, memreserve::MemoryReservation};
use proptest::prelude::*;

use super::*;

fn node(name: &str, properties: &[(&str, &[u8])], children: Vec<DeviceTreeNode>) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new(name).unwrap();
    for (name, value) in properties {
        node.add_property(DeviceTreeProperty::new(*name, value.to_vec()).unwrap());
    }
    for child in children {
        node.add_child(child);
    }
    node
}

fn cells(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Reads it on hart 0.
fn read(bytes: &[u8], hart: usize) -> Result<Tree, TreeError> {
    let mut tree = Tree::unread();
    tree.read(bytes, hart).map(|()| tree)
}

/// A tree with all that is looked for, and with the same names where they do not count.
fn sample() -> Vec<u8> {
    let reg = cells(&[0, 0x8000_0000, 0, 0x800_0000]);
    let held = cells(&[0x8000_0000, 0x4_0000]);
    let cpu = |isa: &[u8]| {
        let properties: [(&str, &[u8]); 2] = [("riscv,isa", isa), ("reg", &[0; 4])];
        node(
            if isa.len() > 20 { "cpu@0" } else { "cpu@1" },
            &properties,
            vec![],
        )
    };
    let mut tree = DeviceTree::new();
    for (name, value) in [
        ("compatible", b"none,such\0riscv-virtio\0".to_vec()),
        ("#address-cells", cells(&[2])),
        ("#size-cells", cells(&[2])),
    ] {
        tree.root
            .add_property(DeviceTreeProperty::new(name, value).unwrap());
    }
    let inner = node("memory@1", &[("reg", &[1; 16])], vec![]);
    tree.root
        .add_child(node("soc", &[("bootargs", b"wrong\0")], vec![inner]));
    tree.root.add_child(node(
        "reserved-memory",
        &[
            ("#address-cells", &cells(&[1])),
            ("#size-cells", &cells(&[1])),
            ("ranges", b""),
        ],
        vec![
            node("firmware@80000000", &[("reg", &held)], vec![]),
            node("later", &[], vec![]),
        ],
    ));
    tree.root
        .add_child(node("memory@80000000", &[("reg", &reg)], vec![]));
    tree.root
        .add_child(node("chosen", &[("bootargs", b"pool=4M log=64\0")], vec![]));
    tree.root.add_child(node(
        "cpus",
        &[("timebase-frequency", &cells(&[10_000_000]))],
        vec![
            cpu(b"rv64imafdc_zicsr_sstc_svade_svpbmt\0"),
            cpu(b"rv64imac\0"),
        ],
    ));
    tree.memory_reservations
        .push(MemoryReservation::new(0x9000_0000, 0x1000));
    tree.to_dtb()
}

#[test]
fn one_walk_brings_home_all_that_is_looked_for() {
    let tree = read(&sample(), 0).unwrap();
    let range = |base, bytes| Range { base, bytes };
    assert_eq!(tree.board.name, "qemu-virt");
    assert_eq!(tree.ram.as_slice(), [range(0x8000_0000, 0x800_0000)]);
    assert_eq!(tree.held.as_slice(), [range(0x8000_0000, 0x4_0000)]);
    assert_eq!(tree.reserved.as_slice(), [range(0x9000_0000, 0x1000)]);
    assert_eq!(tree.arguments.value("log"), Some("64"));
    assert_eq!((tree.timebase_hz, tree.sstc), (10_000_000, true));
    assert!(tree.svpbmt);
}

#[test]
fn every_truncated_tree_is_refused() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert_eq!(
            read(&bytes[..length], 0).err(),
            Some(TreeError::Malformed),
            "{length}"
        );
    }
}

#[test]
fn a_tree_without_memory_or_of_another_board_says_so() {
    let without = |from: &[u8], to: &[u8]| {
        let mut bytes = sample();
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        read(&bytes, 0).err()
    };
    assert_eq!(
        without(b"memory@80000000", b"nemory"),
        Some(TreeError::NoMemory)
    );
    assert_eq!(
        without(b"riscv-virtio", b"riscv-virtue"),
        Some(TreeError::UnknownBoard)
    );
}

/// Our tokens, written down.
fn ours(bytes: &[u8]) -> Result<Vec<String>, TreeError> {
    let (mut walk, mut seen) = (TokenWalk::new(bytes)?, Vec::new());
    while let Some(token) = walk.next()? {
        seen.push(match token {
            Token::Begin(name) => format!("begin {}", String::from_utf8_lossy(name)),
            Token::End => "end".into(),
            Token::Property { name, value } => {
                let name = walk.property_name(name)?;
                format!("{} {value:?}", String::from_utf8_lossy(name))
            }
        });
    }
    Ok(seen)
}

/// The library's.
fn theirs(node: &dtoolkit::fdt::FdtNode<'_>, seen: &mut Vec<String>) {
    use dtoolkit::{Node, Property};
    seen.push(format!("begin {}", node.name()));
    for property in node.properties() {
        seen.push(format!("{} {:?}", property.name(), property.value()));
    }
    for child in node.children() {
        theirs(&child, seen);
    }
    seen.push("end".into());
}

proptest! {
    /// A changed byte may make a tree that is none, or another tree: what the library takes for
    /// one, we take for the same.
    #[test]
    fn a_damaged_tree_does_no_harm(at in 0usize..900, to: u8) {
        let mut bytes = sample();
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = read(&bytes, 0);
        if let Ok(fdt) = Fdt::new(&bytes) {
            let mut seen = Vec::new();
            theirs(&fdt.root(), &mut seen);
            if let Ok(ours) = ours(&bytes) {
                prop_assert_eq!(ours, seen);
            }
        }
    }

    #[test]
    fn noise_behind_a_header_does_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = sample();
        let from = bytes.len() - noise.len().min(bytes.len() - 40);
        let length = bytes.len() - from;
        bytes[from..].copy_from_slice(&noise[..length]);
        let _ = read(&bytes, 0);
    }
}

#[test]
fn arguments_are_cut_not_refused_and_found_by_key() {
    let mut arguments = BootArguments::EMPTY;
    arguments.keep("pool=4M  log=8192 frames=1");
    assert_eq!(arguments.value("pool"), Some("4M"));
    assert_eq!(arguments.value("frames"), Some("1"));
    assert_eq!(arguments.value("poo"), None);
    arguments.keep(&"é".repeat(200));
    assert_eq!(arguments.used, 256);
}

#[test]
fn noise_is_not_a_tree() {
    assert_eq!(read(&[0xd0; 64], 0).err(), Some(TreeError::Malformed));
    assert_eq!(read(&[], 0).err(), Some(TreeError::Malformed));
}

/// A tree with these harts: number, `status`, `mmu-type` and `riscv,isa` of each.
pub(super) fn tree_of_harts(harts: &[(u32, &str, &str, &str)]) -> Vec<u8> {
    let text = |text: &str| [text.as_bytes(), b"\0"].concat();
    let cpus = harts.iter().map(|(id, status, mmu, isa)| {
        node(
            &format!("cpu@{id:x}"),
            &[
                ("device_type", b"cpu\0"),
                ("reg", &cells(&[*id])),
                ("status", &text(status)),
                ("mmu-type", &text(mmu)),
                ("riscv,isa", &text(isa)),
            ],
            vec![node(
                "interrupt-controller",
                &[("reg", &cells(&[77]))],
                vec![],
            )],
        )
    });
    let cpus = cpus.collect();
    let mut tree = DeviceTree::new();
    tree.root.add_child(node("cpus", &[], cpus));
    tree.root
        .add_child(node("cpu@0", &[("reg", &cells(&[88]))], vec![]));
    tree.to_dtb()
}
