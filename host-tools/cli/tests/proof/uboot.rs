//! The same Image through a boot loader: from a card, and from where it must move.

use crate::board::{PROMPT, UBoot, built};
use crate::card::Card;

/// Commands of U-Boot's that say what `booti` needs; its own tree serves us.
const TREE: &str = "${fdtcontroladdr}";

#[test]
fn the_card_for_qemu_is_sound_and_holds_the_same_image() {
    let card = Card::open(&built("images/qemu-virt-sd.img"));
    card.check();
    let image = std::fs::read(built("images/Image")).expect("the Image");
    assert!(
        card.read("/Image") == image,
        "the card holds another Image than QEMU boots"
    );
}

#[test]
fn a_card_boots_through_extlinux() {
    let mut uboot = UBoot::start(&built("images/qemu-virt-sd.img"));
    uboot.type_line("sysboot virtio 0:1 any ${scriptaddr} /extlinux/extlinux.conf");
    uboot.expect("Starting kernel");
    uboot.expect(PROMPT);
    let mut board = uboot.into_board();
    assert!(board.run("hello").to_lowercase().contains("hello"));
}

#[test]
fn an_image_loaded_elsewhere_is_moved_whole() {
    let mut uboot = UBoot::start(&built("images/qemu-virt-sd.img"));
    uboot.ask("load virtio 0:1 0x84000000 /Image");
    uboot.type_line(&format!("booti 0x84000000 - {TREE}"));
    let said = uboot.expect("Starting kernel");
    assert!(
        said.contains("Moving Image from 0x84000000 to 0x80200000"),
        "{said}"
    );
    uboot.expect(PROMPT);
    // The programs come from the initrd behind the kernel: it moved along.
    let mut board = uboot.into_board();
    assert!(board.run("hello").to_lowercase().contains("hello"));
}
