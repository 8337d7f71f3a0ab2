//! A board that brings its own device tree says the same in it as in its file.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};
use std::{path::PathBuf, process::Command};

/// The tree of `board`, compiled by dtc, which must have nothing to remark; `None` where the board brings none.
fn compiled(board: &str) -> Option<Vec<u8>> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("{board}.dts"));
    if !source.exists() {
        return None;
    }
    let dtc = Command::new("dtc")
        .args(["-I", "dts", "-O", "dtb"])
        .arg(&source)
        .output();
    let dtc = dtc.expect("dtc runs: ./setup installs it");
    let remarks = String::from_utf8_lossy(&dtc.stderr);
    assert!(
        dtc.status.success() && remarks.is_empty(),
        "dtc on {}: {remarks}",
        source.display()
    );
    Some(dtc.stdout)
}

/// A property made of 32-bit cells.
fn cells(node: &FdtNode<'_>, name: &str) -> Vec<u32> {
    let property = node
        .property(name)
        .unwrap_or_else(|| panic!("{} has {name}", node.name()));
    property
        .value()
        .chunks_exact(4)
        .map(|cell| u32::from_be_bytes(cell.try_into().expect("four bytes")))
        .collect()
}

/// A property made of strings.
fn words(node: &FdtNode<'_>, name: &str) -> Vec<String> {
    let property = node
        .property(name)
        .unwrap_or_else(|| panic!("{} has {name}", node.name()));
    let text = std::str::from_utf8(property.value())
        .expect("a list of strings")
        .trim_end_matches('\0');
    text.split('\0').map(str::to_owned).collect()
}

#[test]
fn every_tree_matches_its_board_file() {
    let mut compared = 0;
    for board in boards::all() {
        let Some(blob) = compiled(&board.name) else {
            continue;
        };
        let tree = Fdt::new(&blob).expect("dtc writes valid trees");
        let find = |path: String| {
            tree.find_node(&path)
                .unwrap_or_else(|| panic!("{} has {path}", board.name))
        };
        let (ram, uart, plic) = (&board.ram, &board.uart, &board.plic);

        assert_eq!(words(&tree.root(), "compatible"), board.compatible);
        assert_eq!(words(&tree.root(), "model"), [board.title.as_str()]);

        let cpus = find("/cpus".into());
        assert_eq!(
            u64::from(cells(&cpus, "timebase-frequency")[0]),
            board.timebase_hz
        );
        let hart = find("/cpus/cpu@0".into());
        let mode = format!("riscv,{:?}", board.paging).to_lowercase();
        assert_eq!(words(&hart, "mmu-type"), [mode]);
        assert!(words(&hart, "riscv,isa")[0].starts_with(&format!("rv{}", board.xlen)));

        let memory = find(format!("/memory@{:x}", ram.base));
        assert_eq!(
            cells(&memory, "reg")
                .iter()
                .map(|&cell| u64::from(cell))
                .collect::<Vec<_>>(),
            [ram.base, ram.size]
        );

        let serial = find(format!("/soc/serial@{:x}", uart.base));
        assert_eq!(u64::from(cells(&serial, "reg")[0]), uart.base);
        assert_eq!(cells(&serial, "interrupts")[0], uart.irq);
        assert_eq!(cells(&serial, "current-speed"), [uart.baud]);
        assert_eq!(
            cells(&find("/xtal-clk".into()), "clock-frequency"),
            [uart.clock_hz]
        );
        let kind = format!("{:?}-uart", uart.kind).to_lowercase();
        assert!(
            words(&serial, "compatible")
                .iter()
                .all(|word| word.ends_with(&kind)),
            "{kind}"
        );
        let stdout = words(&find("/chosen".into()), "stdout-path");
        assert_eq!(stdout, [format!("serial0:{}n8", uart.baud)]);

        let controller = find(format!("/soc/interrupt-controller@{:x}", plic.base));
        assert_eq!(u64::from(cells(&controller, "reg")[0]), plic.base);
        assert_eq!(cells(&controller, "riscv,ndev"), [plic.sources]);
        // Pairs of controller and cause, one a context; 9 is S-mode's external interrupt.
        let contexts = cells(&controller, "interrupts-extended");
        assert_eq!(
            contexts.chunks(2).position(|pair| pair[1] == 9),
            Some(plic.s_context as usize)
        );
        compared += 1;
    }
    assert!(compared > 0, "the Ox64 brings a tree");
}
