//! A whole kernel on the simulated machine, entered as a trap enters it.

use std::cell::RefCell;
use std::collections::VecDeque;

use abi::{Call, Error};
use pagetable::{PAGE_BYTES, PhysAddr, VirtAddr};
use romfs::Romfs;
use romfs::writer::{Piece, RomfsLayout, seal};
use sim::Quirks;

use super::hart::{Hart, Work};
use crate::board::BOARDS;
use crate::debug::Console;
use crate::debug::stub::Debugger;
use crate::drivers::model::{DeviceModel, Ns16550Model};
use crate::drivers::{Plic, Registers};
use crate::fault::{Log, OomPolicy, PagingCounts, Pressure};
use crate::harts::{HartTable, Harts};
use crate::local::Local;
use crate::mm::tests::machine::{Bench, RAM_BASE, TestMachine};
use crate::mm::{Audit, Object, Objects, Prot, Region, RegionKind, SlowStore, Space, Surveyed};
use crate::platform::Pending;
use crate::system::{BootFacts, System};
use crate::task::{Context, PressureWatches, SchedState, Schedule, Slot, TrapFrame, switch, table};
use crate::trap::{self, Trap};
use crate::tree::RamMap;

/// The program's file: a page of text and a page of variables, from the initrd.
pub const TEXT: u64 = 0x1_0000;
pub const DATA: u64 = 0x1_2000;
pub const HEAP: u64 = 0x4_0000;
/// Its stack, with a guard page below.
pub const STACK: u64 = 0x7000_0000;
pub const STACK_PAGES: u32 = 4;

/// `scause` of a system call.
const CALL_FROM_USER: usize = 8;
/// How often a call may be entered again before it counts as one that never ends.
const PATIENCE: usize = 1_000_000;

/// The UART of the board, or its interrupt controller.
#[derive(Clone, Copy)]
pub enum Wires {
    Uart(&'static Ns16550Model),
    Plic(&'static Claims),
}

/// Interrupts to be claimed.
#[derive(Default)]
pub struct Claims(RefCell<VecDeque<u32>>);

impl Registers for Wires {
    fn read(&self, offset: usize) -> u32 {
        match self {
            Wires::Uart(uart) => uart.read(offset),
            // The claim of context 0; its other registers hold nothing.
            Wires::Plic(claims) if offset == 0x20_0004 => {
                claims.0.borrow_mut().pop_front().unwrap_or(0)
            }
            Wires::Plic(_) => 0,
        }
    }

    fn write(&self, offset: usize, value: u32) {
        if let Wires::Uart(uart) = self {
            uart.write(offset, value);
        }
    }
}

/// What became of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    pub result: Result<usize, Error>,
    pub second: usize,
    /// How often the kernel was entered for it.
    pub entries: usize,
    /// The most that was done in one of them.
    pub most: Work,
}

/// Ticks after which a test begins: the last key came a second ago, so that no key is held back as the rest of a
/// frame.
const BOOTED_AT: u64 = 1_000_000;

/// A kernel and the registers on its hart.
pub struct Kernel<M: TestMachine> {
    pub system: System<Hart<M>>,
    pub context: &'static mut TrapFrame,
    uart: &'static Ns16550Model,
    claims: &'static Claims,
}

impl<M: TestMachine> Kernel<M> {
    /// With so many frames in the pool, and one task that runs.
    pub fn new(quirks: Quirks, pool: usize) -> Kernel<M> {
        Kernel::on(Bench::new(quirks, pool))
    }

    /// On this machine, which has several harts.
    pub fn on_harts(bench: Bench<M>, harts: usize) -> Kernel<M> {
        let mut kernel = Kernel::on(bench);
        kernel.system.local.platform.machine.hart().add_harts(harts);
        kernel
    }

    /// On this machine.
    pub fn on(bench: Bench<M>) -> Kernel<M> {
        let Bench {
            machine,
            frames,
            kernel_root,
        } = bench;
        let uart = Ns16550Model::new();
        let claims: &'static Claims = Box::leak(Box::default());
        let board = BOARDS.iter().find(|board| board.name == "qemu-virt");
        let board = board.expect("it is one of the boards");
        let console = Box::leak(Box::new(Console::EMPTY));
        console.open(Ns16550Model::driver(Wires::Uart(uart)), board, 1_000_000);
        console.begin_after_a_key(0);
        let system = System {
            local: Local {
                platform: Hart::new(machine, BOOTED_AT),
                schedule: Schedule::new(1_000_000),
                log: Log::new(vec![abi::Fault::EMPTY; 64].leak()),
            },
            harts: Harts::one(0, Box::leak(Box::new(HartTable::EMPTY))),
            frames,
            objects: Objects::EMPTY,
            kernel_root,
            tasks: Box::leak(table::with_room()),
            store: SlowStore::new(None),
            old_log: None,
            fast: false,
            prezeroes: false,
            quiet: true,
            fault_text: false,
            debugger: Box::leak(Box::new(Debugger::EMPTY)),
            console,
            audited: Audit::NOTHING,
            paging: PagingCounts::default(),
            pressure: Pressure::new(1_000_000, BOOTED_AT),
            watches: PressureWatches::NONE,
            oom: OomPolicy::KillFaulter,
            surveyed: Surveyed::default(),
            plic: Some(Plic::new(Wires::Plic(claims), 0, board.uart_irq)),
            initrd: Romfs::new(initrd()).expect("it was just written"),
            initrd_at: PhysAddr::new(RAM_BASE),
            shell: 0,
            boot: BootFacts {
                board,
                wiring: crate::tree::Wiring::of_board(board, 0),
                image: PhysAddr::new(RAM_BASE),
                first_instruction: None,
                to_first_byte: 1,
                timebase_hz: 1_000_000,
                image_bytes: PAGE_BYTES,
                ram: RamMap::EMPTY,
                sstc: false,
            },
        };
        let mut kernel = Kernel {
            system,
            context: Box::leak(Box::new(TrapFrame::EMPTY)),
            uart,
            claims,
        };
        let first = kernel.task(0, "first");
        kernel.system.shell = kernel.system.tasks.at(first).tid;
        switch::reschedule(&mut kernel.system, &mut kernel.context);
        kernel
    }

    /// Another task, ready to run.
    pub fn task(&mut self, parent: u16, line: &str) -> Slot {
        let system = &mut self.system;
        let slot = system.tasks.add(parent, line.as_bytes()).unwrap();
        let pid = system.tasks.at(slot).tid;
        let (frames, platform) = (&mut system.frames, &mut system.local.platform);
        let mut space = Space::create(pid, frames, platform, system.kernel_root).unwrap();
        space.set_heap::<M>(VirtAddr::new(HEAP));
        let image = |at: u64| Object::Image {
            at: PhysAddr::new(RAM_BASE + at),
            bytes: PAGE_BYTES as u32,
        };
        let parts = [
            (TEXT, 1, Prot::TEXT, RegionKind::Text, image(0)),
            (DATA, 1, Prot::DATA, RegionKind::Data, image(PAGE_BYTES)),
            (
                STACK - PAGE_BYTES,
                1,
                Prot::NONE,
                RegionKind::Guard,
                Object::Zero,
            ),
            (
                STACK,
                STACK_PAGES,
                Prot::DATA,
                RegionKind::Stack,
                Object::Zero,
            ),
        ];
        for (base, pages, prot, kind, object) in parts {
            let region = Region::new(VirtAddr::new(base), pages, prot, kind, object);
            space.add::<M>(region.unwrap()).unwrap();
        }
        *system.tasks.space_mut(slot) = space;
        let task = system.tasks.at_mut(slot);
        **task.context = Context::start(TEXT as usize, STACK as usize, (0, 0), 0);
        system.tasks.set_state(slot, SchedState::Ready);
        slot
    }

    /// Types a key, and lets the controller say so.
    pub fn press(&mut self, key: u8) {
        self.uart.shift_in(key);
        self.claims
            .0
            .borrow_mut()
            .push_back(self.system.boot.board.uart_irq);
        self.system.local.platform.pending.external = true;
    }

    /// The controller has a source again and again, whatever is done for it.
    pub fn storm(&mut self, irq: u32, times: usize) {
        let mut claims = self.claims.0.borrow_mut();
        claims.extend(std::iter::repeat_n(irq, times));
        self.system.local.platform.pending.external = true;
    }

    /// How often the controller still has something.
    pub fn claims_left(&self) -> usize {
        self.claims.0.borrow().len()
    }

    /// Text in the running task's memory.
    pub fn memory(&mut self, at: u64, bytes: usize) -> String {
        let mut text = vec![0; bytes];
        let running = self.system.local.schedule.current();
        let read = self
            .system
            .memory_of(running)
            .read(VirtAddr::new(at), &mut text);
        read.expect("it was just written");
        String::from_utf8(text).expect("text")
    }

    /// All that was written.
    pub fn said(&mut self) -> String {
        let mut said = Vec::new();
        loop {
            self.system.drain_console();
            match self.uart.shift_out(16) {
                sent if sent.is_empty() => return String::from_utf8_lossy(&said).into_owned(),
                sent => said.extend(sent),
            }
        }
    }

    /// Types keys, which wait until a task reads them.
    pub fn type_keys(&mut self, keys: &[u8]) {
        for &key in keys {
            self.press(key);
            self.take_interrupts();
        }
    }

    /// Lets all that was written go out.
    pub fn drain(&mut self) {
        while !self.uart.shift_out(16).is_empty() {
            self.system.drain_console();
        }
    }

    pub fn has_input(&self) -> bool {
        self.system.console.has_input()
    }

    /// Takes all keys that wait.
    pub fn eat_keys(&mut self) {
        let mut piece = [0; 64];
        loop {
            match self.system.console.peek(&mut piece) {
                0 => return,
                keys => self.system.console.consume(keys),
            }
        }
    }

    /// Enters the kernel once for the trap that the registers on the hart stand for.
    pub fn enter(&mut self, cause: usize) -> Work {
        self.trap(cause, 0)
    }

    /// The running task faults at `va`.
    pub fn fault(&mut self, cause: usize, va: u64) -> Work {
        self.trap(cause, va as usize)
    }

    fn trap(&mut self, cause: usize, value: usize) -> Work {
        self.system.local.platform.take_work();
        let trap = Trap {
            cause,
            value,
            started: None,
        };
        match cause {
            CALL_FROM_USER => trap::call(&mut self.system, &mut self.context),
            _ => trap::fault_or_interrupt(&mut self.system, &mut self.context, trap),
        }
        self.system.local.platform.take_work()
    }

    /// An interrupt that waits is taken before the next instruction of a program.
    pub fn take_interrupts(&mut self) -> Work {
        const EXTERNAL: usize = 1 << (usize::BITS - 1) | 9;
        if std::mem::take(&mut self.system.local.platform.pending) == Pending::default() {
            return Work::default();
        }
        self.enter(EXTERNAL)
    }

    /// The timer fires.
    pub fn take_timer(&mut self) -> Work {
        const TIMER: usize = 1 << (usize::BITS - 1) | 5;
        self.enter(TIMER)
    }

    /// One entry of a system call that [`Self::begin`] put into the registers.
    pub fn enter_call(&mut self) -> Work {
        self.enter(CALL_FROM_USER)
    }

    /// Pages of the running task.
    pub fn resident(&self) -> u32 {
        let running = self.system.local.schedule.current();
        self.system.tasks.space(running).resident()
    }

    /// The running task makes a system call, and again as often as it is left at its `ecall`.
    pub fn call(&mut self, call: Call, arguments: [u64; 5]) -> Returned {
        let task = self.system.local.schedule.current();
        let pc = self.begin(call, arguments);
        let mut most = Work::default();
        for entries in 1..=PATIENCE {
            let work = self.enter(CALL_FROM_USER);
            most = most.or(work);
            assert_eq!(
                self.system.local.schedule.current(),
                task,
                "another one runs"
            );
            if self.context.pc != pc {
                return Returned {
                    result: Error::result(self.context.x[10]),
                    second: self.context.x[11],
                    entries,
                    most,
                };
            }
        }
        panic!("{call:?} {arguments:x?} never ends");
    }

    /// Puts a system call into the registers on the hart; where it stands.
    pub fn begin(&mut self, call: Call, arguments: [u64; 5]) -> usize {
        for (n, argument) in arguments.into_iter().enumerate() {
            self.context.x[10 + n] = argument as usize;
        }
        self.context.x[17] = call.number();
        self.context.pc
    }

    /// Nothing is lost, nothing is twice.
    #[track_caller]
    pub fn must_be_sound(&mut self, after: &str) {
        let found = self.system.audit();
        assert_eq!(found.problems, 0, "{after}: {:?}", found.first);
    }
}

/// A file system with a folder for programs, and none in it.
fn initrd() -> &'static [u8] {
    let layout = RomfsLayout::new("test", &[]).expect("it has no name that could be wrong");
    let mut image = Vec::new();
    for piece in layout.pieces() {
        if let Piece::Bytes(bytes) = piece {
            image.extend_from_slice(bytes);
        }
    }
    seal(&mut image);
    image.leak()
}
