//! RISC-V page tables: modes, entries, memory types, and the walk.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
