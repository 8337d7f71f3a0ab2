//! What is said on the serial line: events, requests, frames.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
