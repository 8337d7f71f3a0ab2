//! A demand-paging kernel for RISC-V with an MMU.
//!
//! A library with a small program around it. `mm`, `fault`, `task`, `drivers` and `debug`
//! are pure: they are given the machine and run on the host too. `arch` is the machine and
//! the only room with `unsafe`; `boot` and `trap` join the two.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
#[expect(unsafe_code, reason = "the machine: registers, raw memory, assembly")]
pub mod arch;
pub mod arguments;
pub mod board;
#[cfg(target_os = "none")]
mod boot;
pub mod debug;
pub mod drivers;
pub mod fault;
pub mod harts;
mod interrupt;
pub mod local;
pub mod mm;
pub mod platform;
pub mod system;
pub mod task;
mod text;
pub mod trap;
pub mod tree;
