//! The device tree as U-Boot hands it on: with the boot arguments, the boot hart, and the firmware's memory.

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property};

/// OpenSBI's own memory on an Ox64, which U-Boot marks as reserved.
const FIRMWARE: (u64, u64) = (0x3ef8_0000, 0x4_0000);
pub const PAD: usize = 0x3000;

/// The tree of a card, changed; `None` if it is none.
#[must_use]
pub fn hand_on(bytes: &[u8], arguments: Option<&str>) -> Option<Vec<u8>> {
    let fdt = Fdt::new(bytes).ok()?;
    let mut tree = DeviceTree::from_fdt(&fdt);
    let chosen = child(&mut tree.root, "chosen");
    if let Some(arguments) = arguments {
        set(chosen, "bootargs", &[arguments.as_bytes(), &[0]].concat());
    }
    set(chosen, "boot-hartid", &0u32.to_be_bytes());
    reserve(&mut tree.root);
    let mut bytes = tree.to_dtb();
    // The room that U-Boot leaves belongs to the tree, by its header.
    bytes.resize(bytes.len() + PAD, 0);
    let total = u32::try_from(bytes.len()).ok()?;
    bytes.get_mut(4..8)?.copy_from_slice(&total.to_be_bytes());
    Some(bytes)
}

fn child<'a>(parent: &'a mut DeviceTreeNode, name: &str) -> &'a mut DeviceTreeNode {
    if parent.child(name).is_none() {
        parent.add_child(DeviceTreeNode::new_unchecked(name));
    }
    match parent.child_mut(name) {
        Some(child) => child,
        None => unreachable!("it was added above"),
    }
}

fn set(node: &mut DeviceTreeNode, name: &str, value: &[u8]) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}

fn cells(node: &DeviceTreeNode, name: &str, otherwise: u32) -> u32 {
    let found = node.property(name);
    let word = found.and_then(|property| property.value().first_chunk().copied());
    word.map_or(otherwise, u32::from_be_bytes)
}

fn reserve(root: &mut DeviceTreeNode) {
    let (address, size) = (
        cells(root, "#address-cells", 2),
        cells(root, "#size-cells", 1),
    );
    let is_new = root.child("reserved-memory").is_none();
    let memory = child(root, "reserved-memory");
    if is_new {
        set(memory, "#address-cells", &address.to_be_bytes());
        set(memory, "#size-cells", &size.to_be_bytes());
        set(memory, "ranges", &[]);
    }
    let number =
        |value: u64, cells: u32| value.to_be_bytes()[8 - 4 * cells.clamp(1, 2) as usize..].to_vec();
    let (base, bytes) = FIRMWARE;
    let node = child(memory, &format!("mmode_resv0@{base:x}"));
    let reg = [number(base, address), number(bytes, size)].concat();
    set(node, "reg", &reg);
    set(node, "no-map", &[]);
}
