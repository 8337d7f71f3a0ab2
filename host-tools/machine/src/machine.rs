//! The machine: a hart, RAM behind its cache, devices, and what was found to break a rule.

use boards::Board;
use pagetable::Dialect;

use crate::bus::Bus;
use crate::carrier::{Carrier, LATEST, SnapshotError};
use crate::code::Code;
use crate::hart::{C906, interrupt};
use crate::mmu::Translations;
use crate::ram::Ram;
use crate::rule::{SiliconRule, Violations};
use crate::trace::{Trace, TraceKind, Traced};
use crate::uart::CYCLES;

/// What can be chosen about a machine.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// Firmware has set `sxstatus.MAEE`: bits 59 to 63 of leaves are memory types.
    pub maee: bool,
    /// Rules that are not looked for, and broken without an effect.
    pub off: Vec<SiliconRule>,
    /// What RAM is full of at power-on.
    pub seed: u64,
}

impl Default for MachineOptions {
    fn default() -> MachineOptions {
        MachineOptions {
            maee: true,
            off: Vec::new(),
            seed: 0x0c64,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As many instructions were executed as were asked for.
    Limit,
    /// It sleeps (`wfi`), and will wake by itself at this time, or by input alone.
    Sleeping(Option<u64>),
    /// The firmware has stopped the hart for good.
    Halted,
    Breakpoint,
}

pub struct StrictMachine {
    pub hart: C906,
    pub ram: Ram,
    pub bus: Bus,
    pub findings: Violations,
    /// What happens beside instructions, once it is begun.
    pub trace: Trace,
    pub(crate) code: Code,
    pub(crate) mmu: Translations,
    pub(crate) dialect: Dialect,
    /// Time, in instruction times since power-on: see [`CYCLES`].
    pub(crate) clock: u64,
    /// Instructions: the clock, without the time that was slept.
    pub(crate) slept: u64,
    /// Instructions that trapped, which did not retire.
    pub(crate) trapped: u64,
    /// When the supervisor's timer interrupt pends.
    pub(crate) timer_at: u64,
    pub(crate) external: bool,
    /// The clock at which the interpreter looks around: input, timers, limits.
    pub(crate) look_at: u64,
    pub(crate) cycles_per_tick: u64,
    pub(crate) sleeping: bool,
    pub(crate) halted: bool,
    pub(crate) breakpoints: Vec<u64>,
    /// The end of what the terminal has received, at most [`RECENT`] bytes.
    recent: Vec<u8>,
}

/// Bytes of output that are kept for the caller that takes the machine over.
const RECENT: usize = 64;

impl StrictMachine {
    /// Powered on, with nothing in RAM but noise; the hart will begin at the start of it.
    #[must_use]
    pub fn new(board: &Board, options: MachineOptions) -> StrictMachine {
        let size = usize::try_from(board.ram.size).unwrap_or(usize::MAX);
        StrictMachine {
            hart: C906::new(board.ram.base, 0, 0),
            ram: Ram::new(board.ram.base, size, options.seed),
            bus: Bus::new(board),
            findings: Violations::new(options.off),
            trace: Trace::default(),
            code: Code::new(size),
            mmu: Translations::default(),
            dialect: if options.maee {
                Dialect::THead
            } else {
                Dialect::None
            },
            clock: 0,
            slept: 0,
            trapped: 0,
            timer_at: u64::MAX,
            external: false,
            look_at: 0,
            cycles_per_tick: (CYCLES / board.timebase_hz.max(1)).max(1),
            sleeping: false,
            halted: false,
            breakpoints: Vec::new(),
            recent: Vec::new(),
        }
    }

    #[must_use]
    pub fn instructions(&self) -> u64 {
        self.attempts() - self.trapped
    }

    /// Instructions begun since power-on: the same, with those that trapped. A limit counts these, so that a
    /// handler which traps itself comes to an end.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.clock - self.slept
    }

    /// Time since power-on, in [`CYCLES`] a second.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock
    }

    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.clock / self.cycles_per_tick
    }

    /// Lets the time pass that a sleeping hart sleeps.
    pub fn sleep_until(&mut self, clock: u64) {
        let slept = clock.saturating_sub(self.clock);
        self.clock += slept;
        self.slept += slept;
    }

    pub fn type_bytes(&mut self, bytes: &[u8]) {
        self.bus.uart.type_bytes(bytes, self.clock);
        self.look_at = 0;
    }

    /// What the terminal has received since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        let sent = self.bus.uart.take_sent();
        self.recent.extend(&sent);
        let more = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..more);
        sent
    }

    /// The end of what was taken: a prompt, perhaps.
    #[must_use]
    pub fn recent_output(&self) -> &[u8] {
        &self.recent
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        self.hart.carry(carrier)?;
        self.ram.carry(carrier)?;
        self.bus.carry(carrier)?;
        self.findings.carry(carrier)?;
        self.code.carry(carrier)?;
        self.mmu.tlb.carry(self.dialect, carrier)?;
        for word in [
            &mut self.clock,
            &mut self.slept,
            &mut self.trapped,
            &mut self.timer_at,
            &mut self.look_at,
        ] {
            carrier.word(word)?;
        }
        for flag in [&mut self.external, &mut self.sleeping, &mut self.halted] {
            carrier.flag(flag)?;
        }
        carrier.text(&mut self.recent)?;
        if carrier.reads() {
            let clock = Some(self.clock).filter(|clock| *clock <= LATEST);
            let instructions = clock.and_then(|clock| clock.checked_sub(self.slept));
            let retired = instructions.and_then(|it| it.checked_sub(self.trapped));
            retired.ok_or(SnapshotError::Value("such clock"))?;
        }
        Ok(())
    }

    /// Counts a finding at the instruction that runs. Answers whether its rule is on.
    pub(crate) fn find(&mut self, rule: SiliconRule, address: u64) -> bool {
        self.findings.count(rule, self.hart.pc, address)
    }

    /// Keeps what happened at the instruction that runs.
    pub(crate) fn note(&mut self, kind: TraceKind, address: u64, value: u64) {
        self.trace.keep(Traced {
            clock: self.clock,
            pc: self.hart.pc,
            kind,
            address,
            value,
        });
    }

    pub(crate) fn pending(&self) -> u64 {
        let bit = |on: bool, bit: u64| if on { bit } else { 0 };
        bit(self.hart.soft, interrupt::SOFT)
            | bit(self.ticks() >= self.timer_at, interrupt::TIMER)
            | bit(self.external, interrupt::EXTERNAL)
    }

    /// The next moment at which something happens by itself.
    pub(crate) fn next_event(&self) -> Option<u64> {
        let timer = self.timer_at.checked_mul(self.cycles_per_tick);
        let timer = timer.filter(|&at| at > self.clock);
        let uart = self.bus.uart.next_event();
        [timer, uart].into_iter().flatten().min()
    }
}
