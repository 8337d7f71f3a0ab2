//! What `--planned` says before a board ran is what its kernel maps when it runs, table by table.

use crate::board::built;
use crate::host::pagewalk;

/// What `--planned` and the running board have in common but for firmware's memory below the Image, which the device
/// tree that firmware passes on leaves out.
#[track_caller]
fn compare(board: &str, target: &str, image: &str) {
    let kernel = built(&format!("board-side/{target}/board/kernel"));
    let image = built(image);
    let (kernel, image) = (kernel.display().to_string(), image.display().to_string());
    let planned = ["--board", board, "--elf", &kernel, "--image", &image];
    let qemu = format!("qemu:{image}");
    let words = [
        &["diff", "planned:", &qemu, "--format", "csv"],
        &planned[..],
    ]
    .concat();
    let changes = pagewalk(&words);
    let whole = pagewalk(&[&["map", "--planned", "--format", "csv"], &planned[..]].concat());
    assert!(whole.lines().count() > 10, "{whole}");
    let base = boards::by_name(board).expect("a board").ram.base;
    let below = base..base + 0x20_0000;
    for change in changes.lines().skip(1) {
        let cells: Vec<&str> = change.split(',').collect();
        let [_, kind, _, _, before, after, pa, ..] = cells[..] else {
            panic!("{change}");
        };
        let pa = u64::from_str_radix(pa.trim_start_matches("0x"), 16);
        assert!(pa.is_ok_and(|pa| below.contains(&pa)), "{change}");
        assert!(kind == "removed" || before == after, "{change}");
    }
    assert_eq!(changes.lines().count(), 3, "{changes}");
    // The tables themselves lie where they are planned to.
    let live = pagewalk(&["map", "--from", &qemu, "--format", "json"]);
    let plan = pagewalk(&[&["map", "--planned", "--format", "json"], &planned[..]].concat());
    let satp = |map: &str| {
        let mut lines = map.lines().filter(|line| line.contains("\"satp\""));
        lines.next().expect("a satp").to_owned()
    };
    assert_eq!(satp(&live), satp(&plan));
}

#[test]
fn the_planned_map_is_the_one_that_the_kernel_writes() {
    compare("qemu-virt", "riscv64gc-unknown-none-elf", "images/Image");
}

#[test]
fn the_planned_map_of_32_bits_is_the_one_that_the_kernel_writes() {
    compare(
        "qemu-virt-rv32",
        "riscv32imac-unknown-none-elf",
        "images/rv32/Image",
    );
}
