//! The kernel's own end: a panic, or a trap out of the kernel. It says all it knows, and then
//! answers gdb: the state it died in is still there to be looked at.

use core::arch::asm;
use core::fmt::{self, Write};

use abi::{Access, Cause, Fault, Outcome, Source};
use spin::Mutex;

use super::hart;
use super::lock::LAST_WORD;
use super::place::Held;
use super::{csr, sbi};
use crate::debug::stub::{self, Crash};
use crate::task::Context;
use crate::text::Text;

/// What the panic said, for the trap that it ends in.
static MESSAGE: Mutex<Message> = Mutex::new(Message {
    bytes: [0; 256],
    used: 0,
});

struct Message {
    bytes: [u8; 256],
    used: usize,
}

unsafe extern "C" {
    /// The registers that the kernel had when it trapped.
    static mut crashed: Context;
}

/// Says what belief was wrong and stops the hart. What is left of the kernel can be asked by
/// gdb.
pub fn die(message: fmt::Arguments) -> ! {
    if let Some(mut place) = MESSAGE.try_lock() {
        let Message { bytes, used } = &mut *place;
        let mut text = Text::new(bytes);
        // A message too long is cut.
        let _ = text.write_fmt(message);
        *used = text.used();
    }
    loop {
        // SAFETY: traps into `trap_from_kernel`, or into `halt` if that is where we come from:
        // neither returns.
        unsafe { asm!("csrw sscratch, zero", "ebreak") };
    }
}

/// A trap out of the kernel itself: never expected, so all that is known goes out, on a stack
/// that this trap cannot have broken.
#[unsafe(no_mangle)]
extern "C" fn trap_from_kernel_rust(cause: usize, value: usize) {
    LAST_WORD.set();
    // SAFETY: written by `trap.S` before this call, and a second trap never gets here.
    let context = unsafe { (&raw const crashed).read() };
    let message = MESSAGE.try_lock();
    let message = message
        .as_ref()
        .map_or(&[][..], |place| &place.bytes[..place.used]);
    let crash = Crash {
        context,
        cause,
        value,
    };
    let hart = hart::block_of(crash.context.x[TP]);
    let mut held = Held::take_after_crash(hart, PATIENCE);
    let system = held.as_mut();
    let several = system
        .as_ref()
        .is_some_and(|system| system.harts.are_several());
    if several {
        sbi::interrupt_all();
    }
    let report = Report {
        message,
        crash: &crash,
        satp: csr::satp(),
        hart: several.then_some(hart.id),
    };
    match system {
        Some(system) => {
            system.take_over(hart.index, hart.contended);
            system.local.log.push(&record(&crash));
            if !system.debugger.is_attached() {
                sbi::print(format_args!("{report}"));
            }
            stub::post_mortem(system, crash, &report)
        }
        // What goes wrong before the kernel stands is the loader's or the packer's doing: the
        // message says which.
        None if !message.is_empty() => {
            let said = message.utf8_chunks().next();
            let said = said.map_or("", |chunk| chunk.valid());
            sbi::print(format_args!("\r\npagewalk: {said}\r\n"));
        }
        None => sbi::print(format_args!("{report}")),
    }
}

/// The number of the register that holds the hart's block while the kernel runs.
const TP: usize = 4;
/// How often a hart that has crashed looks whether another one returns the lock.
const PATIENCE: usize = 1 << 22;

/// What ended the kernel, as the log has it: a debugger finds it in memory when the line
/// says nothing any more. A panic is the breakpoint that it ends in.
fn record(crash: &Crash) -> Fault {
    let cause = Cause::decode(crash.cause as u8);
    Fault {
        time: csr::time(),
        epc: crash.context.pc as u64,
        va: crash.value as u64,
        task: Fault::NO_TASK,
        cause: cause.number(),
        access: Access::of(cause).map_or(0, |access| access.number()),
        level: Fault::NO_LEVEL,
        source: Source::Kernel.number(),
        outcome: Outcome::KernelFault.number(),
        satp: csr::satp() as u64,
        ..Fault::EMPTY
    }
}

/// What the line shows of it; `pagewalk explain` reads the registers.
struct Report<'a> {
    message: &'a [u8],
    crash: &'a Crash,
    satp: usize,
    /// The SBI's number of the hart, where there are several.
    hart: Option<usize>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Crash {
            context,
            cause,
            value,
        } = self.crash;
        // A message that was cut may end inside a letter.
        let message = self
            .message
            .utf8_chunks()
            .next()
            .map_or("", |chunk| chunk.valid());
        if message.is_empty() {
            let name = Cause::decode(*cause as u8);
            write!(f, "\r\npagewalk: kernel fault: {name}\r\n")?;
        } else {
            write!(f, "\r\npagewalk: {message}\r\n")?;
        }
        if let Some(hart) = self.hart {
            write!(f, "  hart {hart}; the others stand\r\n")?;
        }
        write!(
            f,
            "  scause {cause:016x} sepc {:016x} stval {value:016x}\r\n",
            context.pc
        )?;
        write!(
            f,
            "  sp {:016x} ra {:016x} satp {:016x} time {}\r\n",
            context.x[2],
            context.x[1],
            self.satp,
            csr::time()
        )?;
        f.write_str("  gdb can still ask: target remote on this line\r\n")
    }
}
