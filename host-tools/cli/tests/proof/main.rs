//! The proof: what the milestone promises, seen on a machine.
//!
//! One program, so that `cargo test` runs no more machines at once than there are
//! cores. Each file holds one promise; inputs come from `just build`.

#[path = "../board/mod.rs"]
mod board;

mod agent;
#[cfg(feature = "web")]
mod browser;
mod bystander;
mod card;
mod changes;
mod commands;
mod connect;
mod daily;
mod dead_kernel;
mod each_width;
mod faulters;
mod fences;
mod figures;
mod first_command;
mod flash;
mod floats;
mod gdb;
mod harness;
mod harts;
mod host;
mod image;
#[cfg(feature = "probe")]
mod jtag;
mod keys;
mod lag;
mod live_traps;
mod machines;
mod memory;
mod messages;
mod ox64;
mod paced;
mod partition_tables;
mod planned;
mod plugin;
mod pmp;
mod pressure;
mod programs;
mod race;
mod random_cards;
#[cfg(feature = "web")]
mod report;
mod roots;
mod rsp;
mod screens;
mod source;
mod stream;
mod stub;
mod stub_harts;
mod threads;
mod tools;
mod truncated;
mod two_stage;
mod uboot;
mod verdicts;
mod views;
mod waits;
#[cfg(feature = "web")]
mod web;
mod width;
