//! What the kernel promises: system calls, errors, causes, the fault record.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
