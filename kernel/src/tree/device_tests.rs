//! Consoles and interrupt controllers in trees as Spike writes them, and with what other boards do otherwise.

use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use super::wiring::{PlicNode, Polled, UartNode};
use super::{Tree, Wiring};
use crate::board::UartDriver;

/// Phandles.
const HARTS: [u32; 2] = [2, 4];
const PLIC: u32 = 3;
/// `interrupts-extended` names a hart's M-mode and S-mode external interrupts by these.
const MACHINE: u32 = 11;
const SUPERVISOR: u32 = 9;

type Property = (&'static str, Vec<u8>);

fn cells(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn text(words: &str) -> Vec<u8> {
    [words.as_bytes(), b"\0"].concat()
}

fn node(name: &str, properties: Vec<Property>, children: Vec<DeviceTreeNode>) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new(name).unwrap();
    for (name, value) in properties {
        node.add_property(DeviceTreeProperty::new(name, value).unwrap());
    }
    children.into_iter().for_each(|child| node.add_child(child));
    node
}

/// A machine as `riscv/dts.cc` of Spike describes it.
struct Spike {
    /// Its root's.
    compatible: &'static str,
    chosen: Vec<Property>,
    aliases: Vec<Property>,
    soc: Vec<Property>,
    serial: (&'static str, Vec<Property>),
    plic: Vec<Property>,
}

impl Spike {
    fn new() -> Spike {
        let contexts = HARTS.map(|hart| cells(&[hart, MACHINE, hart, SUPERVISOR]));
        Spike {
            compatible: "ucbbar,spike-bare-dev",
            chosen: vec![("stdout-path", text("/soc/ns16550@10000000"))],
            aliases: vec![],
            soc: vec![],
            serial: (
                "ns16550@10000000",
                vec![
                    ("compatible", text("ns16550a")),
                    ("clock-frequency", cells(&[10_000_000])),
                    ("interrupt-parent", cells(&[PLIC])),
                    ("interrupts", cells(&[1])),
                    ("reg", cells(&[0, 0x1000_0000, 0, 0x100])),
                    ("reg-shift", cells(&[0])),
                    ("reg-io-width", cells(&[1])),
                ],
            ),
            plic: vec![
                ("compatible", text("riscv,plic0")),
                ("#interrupt-cells", cells(&[1])),
                ("interrupt-controller", vec![]),
                ("interrupts-extended", contexts.concat()),
                ("reg", cells(&[0, 0xc00_0000, 0, 0x100_0000])),
                ("riscv,ndev", cells(&[31])),
                ("phandle", cells(&[PLIC])),
            ],
        }
    }

    /// Gives the console's node other properties; an empty list takes one away.
    fn serial(mut self, changes: &[Property]) -> Spike {
        change(&mut self.serial.1, changes);
        self
    }

    fn plic(mut self, changes: &[Property]) -> Spike {
        change(&mut self.plic, changes);
        self
    }

    fn bytes(self) -> Vec<u8> {
        let cpu = |hart: usize| {
            let intc = vec![
                ("compatible", text("riscv,cpu-intc")),
                ("#interrupt-cells", cells(&[1])),
                ("interrupt-controller", vec![]),
                ("phandle", cells(&[HARTS[hart]])),
            ];
            let properties = vec![
                ("device_type", text("cpu")),
                ("reg", cells(&[hart as u32])),
                ("riscv,isa", text("rv64imafdc_zicntr")),
            ];
            let intc = node("interrupt-controller", intc, vec![]);
            node(["cpu@0", "cpu@1"][hart], properties, vec![intc])
        };
        let mut cpus = vec![
            ("#address-cells", cells(&[1])),
            ("#size-cells", cells(&[0])),
        ];
        cpus.push(("timebase-frequency", cells(&[10_000_000])));
        let mut soc = vec![
            ("#address-cells", cells(&[2])),
            ("#size-cells", cells(&[2])),
            ("compatible", text("ucbbar,spike-bare-soc")),
            ("ranges", vec![]),
        ];
        soc.extend(self.soc);
        let memory = vec![
            ("device_type", text("memory")),
            ("reg", cells(&[0, 0x8000_0000, 0, 0x8000_0000])),
        ];
        let devices = vec![
            node("plic@c000000", self.plic, vec![]),
            node(self.serial.0, self.serial.1, vec![]),
        ];
        let mut tree = DeviceTree::new();
        let root = vec![
            ("compatible", text(self.compatible)),
            ("#address-cells", cells(&[2])),
            ("#size-cells", cells(&[2])),
        ];
        for (name, value) in root {
            let property = DeviceTreeProperty::new(name, value).unwrap();
            tree.root.add_property(property);
        }
        for child in [
            node("aliases", self.aliases, vec![]),
            node("chosen", self.chosen, vec![]),
            node("cpus", cpus, vec![cpu(0), cpu(1)]),
            node("memory@80000000", memory, vec![]),
            node("soc", soc, devices),
        ] {
            tree.root.add_child(child);
        }
        tree.to_dtb()
    }

    fn wiring(self, hart: usize) -> Wiring {
        let mut tree = Tree::unread();
        tree.read(&self.bytes(), hart).unwrap();
        tree.wiring
    }
}

fn change(properties: &mut Vec<Property>, changes: &[Property]) {
    for (name, value) in changes {
        properties.retain(|(known, _)| known != name);
        if !value.is_empty() {
            properties.push((name, value.clone()));
        }
    }
}

const SPIKES: UartNode = UartNode {
    kind: UartDriver::Ns16550,
    base: 0x1000_0000,
    shift: 0,
    words: false,
};

fn plic(context: u32, irq: u32) -> Result<PlicNode, Polled> {
    Ok(PlicNode {
        base: 0xc00_0000,
        context,
        irq,
    })
}

#[test]
fn spikes_console_interrupts_at_1_in_each_harts_context() {
    for (hart, context) in [(0, 1), (1, 3)] {
        let wiring = Spike::new().wiring(hart);
        assert_eq!(wiring.uart, SPIKES);
        assert_eq!(wiring.interrupt, plic(context, 1), "hart {hart}");
        assert_eq!(wiring.unknown_console, None);
    }
}

#[test]
fn a_console_where_no_board_file_has_it_is_found() {
    let spike = Spike::new().serial(&[
        ("compatible", text("snps,dw-apb-uart")),
        ("reg", cells(&[0, 0x1002_0000, 0, 0x100])),
        ("reg-shift", cells(&[2])),
        ("reg-io-width", cells(&[4])),
        ("interrupts", cells(&[20])),
    ]);
    let wiring = spike.wiring(0);
    let found = UartNode {
        base: 0x1002_0000,
        shift: 2,
        words: true,
        ..SPIKES
    };
    assert_eq!((wiring.uart, wiring.interrupt), (found, plic(1, 20)));
}

/// The ways in which a tree says where an interrupt goes.
#[test]
fn an_interrupts_controller_is_found_however_it_is_named() {
    let none = || ("interrupt-parent", vec![]);
    let extended = ("interrupts-extended", cells(&[PLIC, 7]));
    let by_extended = Spike::new().serial(&[none(), ("interrupts", vec![]), extended]);
    assert_eq!(by_extended.wiring(0).interrupt, plic(1, 7));
    let mut by_bus = Spike::new().serial(&[none()]);
    by_bus.soc.push(("interrupt-parent", cells(&[PLIC])));
    assert_eq!(by_bus.wiring(0).interrupt, plic(1, 1));
    let by_the_only_one = Spike::new().serial(&[none()]);
    assert_eq!(by_the_only_one.wiring(0).interrupt, plic(1, 1));
}

#[test]
fn stdout_path_goes_through_an_alias_and_has_options() {
    let mut spike = Spike::new();
    spike.chosen = vec![("stdout-path", text("serial0:115200n8"))];
    spike.aliases = vec![("serial0", text("/soc/ns16550@10000000"))];
    let wiring = spike.wiring(0);
    assert_eq!((wiring.uart, wiring.unknown_console), (SPIKES, None));
}

#[test]
fn a_console_without_a_driver_is_named_and_the_boards_is_taken() {
    let mut spike = Spike::new();
    spike.chosen = vec![("stdout-path", text("/htif"))];
    let wiring = spike.wiring(0);
    let name = wiring.unknown_console.map(|name| name.to_string());
    assert_eq!((wiring.uart, name.as_deref()), (SPIKES, Some("htif")));
}

#[test]
fn a_controller_without_a_driver_is_named_and_the_console_polled() {
    let wiring = Spike::new()
        .plic(&[("compatible", text("riscv,aplic"))])
        .wiring(0);
    let Err(Polled::UnknownController(name)) = wiring.interrupt else {
        panic!("{:?}", wiring.interrupt)
    };
    assert_eq!((wiring.uart, &*name.to_string()), (SPIKES, "riscv,aplic"));
}

#[test]
fn a_hart_without_a_context_and_a_console_without_an_interrupt_are_polled() {
    let only_machine = cells(&[HARTS[0], MACHINE, HARTS[1], MACHINE]);
    let wiring = Spike::new()
        .plic(&[("interrupts-extended", only_machine)])
        .wiring(0);
    assert_eq!(wiring.interrupt, Err(Polled::NoContext(0)));
    let wiring = Spike::new()
        .serial(&[
            ("interrupts", vec![]),
            ("interrupt-parent", vec![]),
            ("reg", cells(&[0, 0x1002_0000, 0, 0x100])),
        ])
        .wiring(0);
    assert_eq!(wiring.interrupt, Err(Polled::NoInterrupt));
    let wiring = Spike::new()
        .serial(&[("interrupts", cells(&[1024]))])
        .wiring(0);
    assert_eq!(wiring.interrupt, Err(Polled::NoInterrupt));
}

#[test]
fn registers_in_ram_or_over_a_page_or_switched_off_are_no_console() {
    let lies = [
        ("reg", cells(&[0, 0x8010_0000, 0, 0x100])),
        ("reg", cells(&[0, 0x1002_0ffe, 0, 0x100])),
        ("status", text("disabled")),
    ];
    for lie in lies {
        let wiring = Spike::new().serial(std::slice::from_ref(&lie)).wiring(0);
        assert_eq!(wiring.uart, SPIKES, "the board's instead: {lie:?}");
        assert_eq!(wiring.interrupt, plic(1, 1), "{lie:?}");
    }
}
