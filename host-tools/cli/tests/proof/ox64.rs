//! The Ox64 card: what its U-Boot, its firmware and our kernel will look for.

use crate::board::built;
use crate::card::Card;
use crate::image::{Image, le32, le64};
use crate::tools::{path, tool};

/// The room between the load address and the device tree (BL808 memory map:
/// 0x51ff8000 - 0x50200000); a larger Image would be overwritten.
const LARGEST_IMAGE: usize = 0x51ff_8000 - 0x5020_0000;

fn card() -> Card {
    Card::open(&built("images/ox64-sd.img"))
}

/// The one file of the card whose name ends so.
fn the_file(card: &Card, ending: &str) -> String {
    let files = card.files();
    let mut fitting = files.iter().filter(|name| name.ends_with(ending));
    let name = fitting
        .next()
        .unwrap_or_else(|| panic!("no *{ending} on the card: {files:?}"));
    assert_eq!(fitting.next(), None, "two *{ending} on the card: {files:?}");
    name.clone()
}

#[test]
fn the_table_is_an_mbr_with_one_active_fat_partition() {
    let card = card();
    assert_eq!(card.label, "dos");
    assert_eq!(
        card.kind, "c",
        "FAT with LBA, the type that U-Boot's distro boot mounts"
    );
    assert!(card.bootable, "the status byte must be 0x80");
    assert_eq!(
        card.start % (1 << 20),
        0,
        "cards erase in blocks of a megabyte and more"
    );
}

#[test]
fn fsck_has_nothing_to_say() {
    card().check();
}

#[test]
fn every_file_reads_back_as_it_went_in() {
    let card = card();
    let image = std::fs::read(built("images/Image")).expect("the Image");
    assert!(
        card.read("/Image") == image,
        "the Image on the card is not the one that was built"
    );
    let tree = card.read(&the_file(&card, ".dtb"));
    assert_eq!(
        tree[..4],
        [0xd0, 0x0d, 0xfe, 0xed],
        "a device tree begins so"
    );
    // Only the definition's files: what a definition does not name is not on the card.
    assert_eq!(card.files().len(), 3, "{:?}", card.files());
}

#[test]
fn extlinux_names_files_that_are_there() {
    let card = card();
    let config = String::from_utf8(card.read("/extlinux/extlinux.conf")).expect("a text");
    // U-Boot takes its keywords in any case, and what follows them as it is.
    let values = |key: &str| -> Vec<&str> {
        let pairs = config
            .lines()
            .filter_map(|line| line.trim().split_once(' '));
        pairs
            .filter(|(word, _)| word.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.trim())
            .collect()
    };
    let files = card.files();
    for key in ["kernel", "fdt"] {
        let [named] = values(key)[..] else {
            panic!("not one {key} in\n{config}")
        };
        // Relative to the configuration's own folder, or from the root.
        let full = named.strip_prefix("..").unwrap_or(named);
        assert!(
            files.iter().any(|file| file == full),
            "{key} {named}: not among {files:?}"
        );
    }
    assert_eq!(
        values("default"),
        values("label"),
        "the default is the label:\n{config}"
    );
    assert!(
        values("initrd").is_empty(),
        "this U-Boot has no ramdisk_addr_r: the label would fail"
    );
}

#[test]
fn the_header_says_what_booti_needs() {
    let bytes = card().read("/Image");
    assert!(
        bytes.len() <= LARGEST_IMAGE,
        "{} bytes reach into the device tree",
        bytes.len()
    );
    assert_eq!(
        le64(&bytes, 0x08),
        0x20_0000,
        "text_offset: the load address is RAM's base plus this"
    );
    assert_eq!(
        le64(&bytes, 0x10),
        bytes.len() as u64,
        "image_size: all of it moves, or none"
    );
    assert_eq!(le64(&bytes, 0x18) & 1, 0, "little endian");
    assert_eq!(le32(&bytes, 0x20), 2, "header version 0.2");
    assert_eq!(&bytes[0x30..0x38], b"RISCV\0\0\0");
    assert_eq!(
        &bytes[0x38..0x3c],
        b"RSC\x05",
        "the only magic that U-Boot checks"
    );
    assert_eq!(bytes.len() % 4096, 0, "whole pages");
}

#[test]
fn the_initrd_lies_where_the_kernel_will_look() {
    let image = Image::from_bytes(card().read("/Image"));
    let initrd = std::fs::read(built("images/initrd.romfs")).expect("the initrd");
    let record = image.record();
    assert_eq!(record.file_size, image.bytes.len() as u64);
    assert_eq!(record.initrd_offset % 4096, 0, "pages are mapped in place");
    assert!(
        record.initrd_offset >= image.end_offset(),
        "the initrd lies in the kernel's own BSS"
    );
    let glued = image.initrd();
    assert_eq!(&glued[..8], b"-rom1fs-");
    assert!(
        initrd.starts_with(glued) || glued.starts_with(&initrd),
        "not the ROMFS that was built"
    );
    assert_eq!(crc32(glued), record.initrd_crc32);
    let zeroes = &image.bytes[image.offset_of("_bss") as usize..record.initrd_offset as usize];
    assert!(
        zeroes.iter().all(|byte| *byte == 0),
        "what becomes BSS must be zero in the file"
    );
}

#[test]
fn the_tree_agrees_with_the_board_file() {
    let card = card();
    let folder = tempfile::tempdir().expect("a folder for the tree");
    let file = folder.path().join("ox64.dtb");
    std::fs::write(&file, card.read(&the_file(&card, ".dtb"))).expect("the tree");
    let tree = |node: &str, property: &str, kind: &str| {
        let said = tool("fdtget", &["-t", kind, path(&file), node, property], b"");
        String::from_utf8(said)
            .expect("numbers and names are ASCII")
            .trim()
            .to_owned()
    };
    let cells = |node: &str, property: &str| -> Vec<u64> {
        let words = tree(node, property, "x");
        words
            .split_whitespace()
            .map(|cell| u64::from_str_radix(cell, 16).expect("a cell"))
            .collect()
    };
    let board = boards::by_name("ox64").expect("a board file");

    let root = tree("/", "compatible", "s");
    assert_eq!(root.split_whitespace().next(), Some(&*board.compatible[0]));
    assert_eq!(
        cells("/memory@50000000", "reg"),
        [board.ram.base, board.ram.size]
    );
    assert_eq!(cells("/cpus", "timebase-frequency"), [board.timebase_hz]);
    assert_eq!(tree("/cpus/cpu@0", "mmu-type", "s"), "riscv,sv39");
    let uart = format!("/soc/serial@{:x}", board.uart.base);
    assert_eq!(cells(&uart, "reg")[0], board.uart.base);
    assert_eq!(cells(&uart, "interrupts")[0], u64::from(board.uart.irq));
    assert_eq!(cells(&uart, "current-speed"), [u64::from(board.uart.baud)]);
    let plic = format!("/soc/interrupt-controller@{:x}", board.plic.base);
    assert_eq!(cells(&plic, "reg")[0], board.plic.base);
    assert_eq!(cells(&plic, "riscv,ndev"), [u64::from(board.plic.sources)]);
    // The S-mode external interrupt (9) stands at the context that the board file names.
    assert_eq!(
        cells(&plic, "interrupts-extended")[2 * board.plic.s_context as usize + 1],
        9
    );
}

/// The sum that ISO 3309 defines, bit by bit: slow, short, without a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

#[test]
fn the_sums_beside_the_image_are_right() {
    let image = built("images/ox64-sd.img");
    let list = built("images/ox64-sd.img.sha256");
    let named = std::fs::read_to_string(&list).expect("the list of sums");
    let said = tool("sha256sum", &[path(&image)], b"");
    let said = String::from_utf8_lossy(&said);
    assert_eq!(
        named.split_whitespace().next(),
        said.split_whitespace().next(),
        "{named}"
    );
}
