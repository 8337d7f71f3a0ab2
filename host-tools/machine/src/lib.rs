//! A board on the host, as strict as its silicon.
//!
//! ```text
//!   card --> uboot (played) --> RAM --> hart: run, execute --> access, translate --> ram | bus
//!                                                 |                  |
//!                                                sbi (played)      findings: what silicon refuses
//! ```
//!
//! The hart is a T-Head C906 as S-mode sees it: RV64IMAFDC, Sv39, no A and D bits in hardware, memory types
//! in entries, a walker behind a write-back cache, translations kept until they are fenced. M-mode's
//! firmware is played from its documented behaviour. Time is instructions: the same run, the same bytes.
#![forbid(unsafe_code)]

mod access;
#[cfg(test)]
mod asm;
mod bus;
mod carrier;
mod code;
mod compressed;
mod csr;
mod debug;
mod decode;
mod execute;
mod float;
mod format;
mod hart;
mod insn;
#[cfg(test)]
mod lockstep;
mod machine;
mod mmu;
#[cfg(test)]
mod noise;
mod plic;
mod ram;
mod rule;
#[cfg(test)]
mod rule_images;
mod run;
mod sbi;
mod snapshot;
mod tlb;
mod trace;
mod translate;
mod trap;
mod uart;
mod uboot;
#[cfg(test)]
mod walks;

pub use bus::Bus;
pub use carrier::SnapshotError;
pub use hart::{C906, PrivilegeLevel};
pub use machine::{MachineOptions, Stop, StrictMachine};
pub use ram::Ram;
pub use rule::{SiliconRule, Violation, Violations};
pub use trace::{Trace, TraceKind, Traced};
pub use uart::CYCLES;
pub use uboot::{BootError, Booted, boot};
