//! UARTs and interrupt controllers in the tree, gathered in the one walk that reads it.
//!
//! A node's properties come in any order, so a node is judged when it ends. Which of the consoles is
//! meant, and whose interrupt it has, is known only when the whole tree was seen.

use super::cells::Cells;
use super::error::TreeError;
use super::key::PropertyKey;
use super::name::Name;
use super::ranges::Ranges;
use super::walk::{Token, TokenWalk, number, number32, text};
use super::wiring::{PlicNode, Polled, UartNode, Wiring};
use crate::board::{BuiltinBoard, UartDriver};

/// Nodes deeper than that are not looked at.
const DEPTH: usize = 5;
/// UARTs, and interrupt controllers, that are looked at: the first of the tree.
const MOST: usize = 6;
/// `scause` of the S-mode external interrupt: which context of a PLIC is a hart's S-mode one.
const SUPERVISOR_EXTERNAL: u32 = 9;

/// A node that has begun and not ended.
#[derive(Clone, Copy)]
struct Node<'a> {
    name: &'a [u8],
    compatible: &'a [u8],
    reg: &'a [u8],
    interrupts: Option<&'a [u8]>,
    interrupts_extended: Option<&'a [u8]>,
    phandle: u32,
    /// Its own, or that of the nearest node above that has one.
    interrupt_parent: u32,
    reg_shift: Option<u32>,
    reg_io_width: Option<u32>,
    is_controller: bool,
    is_disabled: bool,
    /// Its addresses are physical ones.
    is_direct: bool,
    /// `ranges` is there and empty: its children's addresses are its own.
    hands_through: bool,
    /// `#address-cells` and `#size-cells`, which hold for its children.
    cells: Cells,
}

impl Node<'_> {
    const EMPTY: Node<'static> = Node {
        name: b"",
        compatible: b"",
        reg: b"",
        interrupts: None,
        interrupts_extended: None,
        phandle: 0,
        interrupt_parent: 0,
        reg_shift: None,
        reg_io_width: None,
        is_controller: false,
        is_disabled: false,
        is_direct: true,
        hands_through: true,
        cells: Cells::DEFAULT,
    };
}

/// A UART that the kernel has a driver for.
#[derive(Clone, Copy)]
struct ConsoleNode<'a> {
    name: &'a [u8],
    kind: UartDriver,
    base: u64,
    reg_shift: Option<u32>,
    reg_io_width: Option<u32>,
    /// The controller's phandle and the first number of the interrupt there.
    interrupt: Option<(u32, u32)>,
}

/// An interrupt controller that is no hart's own.
#[derive(Clone, Copy)]
struct Controller<'a> {
    phandle: u32,
    compatible: &'a [u8],
    /// Where its registers begin, if it is a PLIC that can be found.
    plic: Option<u64>,
    contexts: Option<&'a [u8]>,
}

/// Devices found so far in one pass over the tree.
pub(super) struct Devices<'a> {
    /// The hart whose S-mode context is wanted.
    hart: usize,
    open: [Node<'a>; DEPTH + 1],
    consoles: [Option<ConsoleNode<'a>>; MOST],
    controllers: [Option<Controller<'a>>; MOST],
    /// Phandle of this hart's own interrupt controller; 0 until it was seen.
    local: u32,
    stdout: &'a [u8],
    aliases: Option<TokenWalk<'a>>,
}

impl<'a> Devices<'a> {
    pub(super) fn new(hart: usize) -> Devices<'a> {
        Devices {
            hart,
            open: [Node::EMPTY; DEPTH + 1],
            consoles: [None; MOST],
            controllers: [None; MOST],
            local: 0,
            stdout: b"",
            aliases: None,
        }
    }

    /// A node begins, behind which `walk` stands; the root is at depth 1.
    pub(super) fn begin(&mut self, depth: usize, name: &'a [u8], walk: &TokenWalk<'a>) {
        if depth == 2 && name == b"aliases" {
            self.aliases = Some(walk.clone());
        }
        if depth > DEPTH {
            return;
        }
        let above = &self.open[depth - 1];
        self.open[depth] = Node {
            name,
            interrupt_parent: above.interrupt_parent,
            is_direct: above.is_direct && above.hands_through,
            hands_through: depth == 1,
            ..Node::EMPTY
        };
    }

    /// A property of the node at `depth` that began last.
    pub(super) fn property(&mut self, depth: usize, key: PropertyKey, value: &'a [u8]) {
        if depth > DEPTH {
            return;
        }
        let node = &mut self.open[depth];
        match key {
            PropertyKey::Compatible => node.compatible = value,
            PropertyKey::Reg => node.reg = value,
            PropertyKey::Interrupts => node.interrupts = Some(value),
            PropertyKey::InterruptsExtended => node.interrupts_extended = Some(value),
            PropertyKey::InterruptParent => node.interrupt_parent = number32(value).unwrap_or(0),
            PropertyKey::Phandle => node.phandle = number32(value).unwrap_or(0),
            PropertyKey::InterruptController => node.is_controller = true,
            PropertyKey::RegShift => node.reg_shift = number32(value),
            PropertyKey::RegIoWidth => node.reg_io_width = number32(value),
            PropertyKey::Ranges => node.hands_through = depth == 1 || value.is_empty(),
            PropertyKey::Status => node.is_disabled = !matches!(text(value), Some(b"okay" | b"ok")),
            // Cells that cannot be make addresses that are not there.
            PropertyKey::AddressCells | PropertyKey::SizeCells => {
                let _ = node.cells.take_property(key, value);
            }
            PropertyKey::StdoutPath if depth == 2 && node.name == b"chosen" => self.stdout = value,
            _ => {}
        }
    }

    /// The node at `depth` ends.
    pub(super) fn end(&mut self, depth: usize) {
        if !(2..=DEPTH).contains(&depth) {
            return;
        }
        let (node, above) = (&self.open[depth], &self.open[depth - 1]);
        if node.compatible.is_empty() || node.is_disabled {
            return;
        }
        if !node.is_controller {
            if let Some(kind) = words(node.compatible).find_map(uart_kind)
                && let Some(base) = address(node, above)
            {
                keep(
                    &mut self.consoles,
                    ConsoleNode {
                        name: node.name,
                        kind,
                        base,
                        reg_shift: node.reg_shift,
                        reg_io_width: node.reg_io_width,
                        interrupt: interrupt(node),
                    },
                );
            }
        } else if words(node.compatible).any(|word| word == b"riscv,cpu-intc") {
            if number(above.reg) == Some(self.hart as u64) {
                self.local = node.phandle;
            }
        } else {
            let plic = words(node.compatible).any(is_plic);
            keep(
                &mut self.controllers,
                Controller {
                    phandle: node.phandle,
                    compatible: node.compatible,
                    plic: address(node, above).filter(|_| plic),
                    contexts: node.interrupts_extended,
                },
            );
        }
    }

    /// What the kernel is to drive on that board, whose RAM is `ram`.
    pub(super) fn wiring(&self, board: &BuiltinBoard, ram: &Ranges) -> Result<Wiring, TreeError> {
        let mut wiring = Wiring::of_board(board, self.hart);
        let wanted = self.wanted_name()?;
        let is_device = |console: &&ConsoleNode| {
            !ram.as_slice()
                .iter()
                .any(|ram| ram.base <= console.base && console.base < ram.end())
        };
        let known = || self.consoles.iter().flatten().filter(is_device);
        let named = wanted.and_then(|name| known().find(|console| console.name == name));
        if let (Some(name), None) = (wanted, named) {
            wiring.unknown_console = Some(Name::new(name));
        }
        let boards = || known().find(|console| console.base == board.uart_base);
        let first = || known().next().filter(|_| wanted.is_none());
        let Some(console) = named.or_else(boards).or_else(first) else {
            self.trust_boards_plic(&mut wiring);
            return Ok(wiring);
        };
        let uart = self.uart(console, board);
        if !uart.can_be_mapped() {
            wiring.unknown_console = Some(Name::new(console.name));
            self.trust_boards_plic(&mut wiring);
            return Ok(wiring);
        }
        let is_boards = uart.base == board.uart_base;
        wiring.uart = uart;
        wiring.interrupt = match console.interrupt {
            Some((controller, irq)) => self.plic(controller, irq, wiring.interrupt),
            None if is_boards && self.controllers[0].is_none() => wiring.interrupt,
            None if is_boards => self.plic(0, board.uart_irq, wiring.interrupt),
            None => Err(Polled::NoInterrupt),
        };
        Ok(wiring)
    }

    /// The tree has no console of ours; but it may have a controller that is not the board's.
    fn trust_boards_plic(&self, wiring: &mut Wiring) {
        if let Ok(plic) = wiring.interrupt
            && self.controllers[0].is_some()
        {
            wiring.interrupt = self.plic(0, plic.irq, wiring.interrupt);
        }
    }

    fn uart(&self, console: &ConsoleNode, board: &BuiltinBoard) -> UartNode {
        let same = console.base == board.uart_base && console.kind == board.uart;
        let shift = match console.reg_shift {
            Some(shift) => shift.min(u32::from(u8::MAX)) as u8,
            None if same => board.uart_shift,
            None => 0,
        };
        let words = match console.reg_io_width {
            Some(width) => width == 4,
            None if same => board.uart_words,
            None => false,
        };
        match console.kind {
            UartDriver::Ns16550 => UartNode {
                kind: UartDriver::Ns16550,
                base: console.base,
                shift,
                words,
            },
            UartDriver::Bl808 => UartNode {
                kind: UartDriver::Bl808,
                base: console.base,
                shift: 0,
                words: true,
            },
        }
    }

    /// The PLIC with that phandle, or the tree's only controller where it has none of that phandle.
    fn plic(
        &self,
        phandle: u32,
        irq: u32,
        boards: Result<PlicNode, Polled>,
    ) -> Result<PlicNode, Polled> {
        let all = || self.controllers.iter().flatten();
        let by_phandle = all().find(|it| it.phandle == phandle && phandle != 0);
        let any_plic = || all().find(|it| it.plic.is_some());
        let Some(controller) = by_phandle.or_else(any_plic).or_else(|| all().next()) else {
            // A tree without controllers: the board's, with the tree's number.
            return boards.map(|plic| PlicNode { irq, ..plic });
        };
        let Some(base) = controller.plic else {
            let first = words(controller.compatible).next().unwrap_or(b"");
            return Err(Polled::UnknownController(Name::new(first)));
        };
        let context = match controller.contexts.filter(|_| self.local != 0) {
            Some(contexts) => self.context(contexts),
            None => boards.ok().map(|plic| plic.context),
        };
        let plic = context.map(|context| PlicNode { base, context, irq });
        match plic {
            Some(plic) if plic.can_be_used() => Ok(plic),
            Some(plic) if plic.irq == 0 || plic.irq > 1023 => Err(Polled::NoInterrupt),
            _ => Err(Polled::NoContext(self.hart)),
        }
    }

    /// Which pair of hart and cause is this hart's S-mode: contexts are numbered by it.
    fn context(&self, contexts: &[u8]) -> Option<u32> {
        let wanted = |pair: &[u8]| {
            number32(&pair[..4]) == Some(self.local)
                && number32(&pair[4..]) == Some(SUPERVISOR_EXTERNAL)
        };
        contexts
            .chunks_exact(8)
            .position(wanted)
            .map(|at| at as u32)
    }

    /// The last part of the path that `stdout-path` gives, through an alias if it names one.
    fn wanted_name(&self) -> Result<Option<&'a [u8]>, TreeError> {
        let path = text(self.stdout).unwrap_or(self.stdout);
        let path = path.split(|&byte| byte == b':').next().unwrap_or(path);
        if path.is_empty() {
            return Ok(None);
        }
        let path = match &self.aliases {
            Some(aliases) if path[0] != b'/' => alias(aliases.clone(), path)?.unwrap_or(path),
            _ => path,
        };
        Ok(path.rsplit(|&byte| byte == b'/').next())
    }
}

/// The value of that name in `/aliases`.
fn alias<'a>(mut walk: TokenWalk<'a>, wanted: &[u8]) -> Result<Option<&'a [u8]>, TreeError> {
    while let Some(Token::Property { name, value }) = walk.next()? {
        if walk.property_name(name)? == wanted {
            return Ok(text(value));
        }
    }
    Ok(None)
}

/// Physical address of the first register of a node.
fn address(node: &Node, above: &Node) -> Option<u64> {
    let cells = above.cells.address as usize;
    if !node.is_direct || !(1..=2).contains(&cells) {
        return None;
    }
    number(node.reg.get(..4 * cells)?)
}

/// The controller and the number there; more numbers, such as the trigger, do not matter.
fn interrupt(node: &Node) -> Option<(u32, u32)> {
    let word = |value: &[u8], at: usize| value.get(at..at + 4).and_then(number32);
    match (node.interrupts_extended, node.interrupts) {
        (Some(extended), _) => Some((word(extended, 0)?, word(extended, 4)?)),
        (None, Some(interrupts)) => Some((node.interrupt_parent, word(interrupts, 0)?)),
        (None, None) => None,
    }
}

fn keep<T: Copy>(list: &mut [Option<T>; MOST], value: T) {
    if let Some(slot) = list.iter_mut().find(|slot| slot.is_none()) {
        *slot = Some(value);
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty())
}

/// Bindings: serial/8250.yaml and serial/snps-dw-apb-uart.yaml of Linux; Bouffalo's as boards ship it.
fn uart_kind(word: &[u8]) -> Option<UartDriver> {
    match word {
        b"ns16550a" | b"ns16550" | b"snps,dw-apb-uart" => Some(UartDriver::Ns16550),
        b"bflb,bl808-uart" | b"bouffalolab,bl808-uart" | b"bflb,uart" | b"bouffalolab,uart" => {
            Some(UartDriver::Bl808)
        }
        _ => None,
    }
}

/// Binding: interrupt-controller/sifive,plic-1.0.0.yaml of Linux; `riscv,plic0` as older trees say.
fn is_plic(word: &[u8]) -> bool {
    matches!(
        word,
        b"sifive,plic-1.0.0" | b"riscv,plic0" | b"thead,c900-plic"
    )
}
