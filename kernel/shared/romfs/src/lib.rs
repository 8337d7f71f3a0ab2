//! ROMFS: the format, a reader without allocation, and a writer.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
