//! What was found and decided at boot, one fact a line.

use core::fmt::{self, Write};

use crate::mm::PAGE_BYTES;
use crate::platform::Platform;
use crate::system::System;

/// Index n is the n-th fact.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let boot = &system.boot;
    let counts = system.frames.counts();
    match index {
        0 => writeln!(
            out,
            "board       {} ({})",
            boot.board.name, boot.board.title
        )?,
        1 => writeln!(
            out,
            "image       {:#x}, {} bytes",
            boot.image.raw(),
            boot.image_bytes
        )?,
        2 => writeln!(
            out,
            "ram         {} KiB, page pool {} KiB",
            kib(counts.total),
            kib(counts.pool)
        )?,
        3 => writeln!(
            out,
            "paging      {:?}, memory types {:?}",
            P::MODE,
            system.platform.dialect()
        )?,
        4 => {
            let timer = if boot.sstc { "stimecmp" } else { "firmware" };
            writeln!(out, "timebase    {} Hz, timer by {timer}", boot.timebase_hz)?;
        }
        5 => writeln!(out, "fault log   {} records", system.log.capacity())?,
        _ => {
            match boot.first_instruction {
                Some(_) => writeln!(
                    out,
                    "prompt      {} instructions after the first",
                    boot.to_first_byte
                )?,
                None => writeln!(out, "prompt      not counted: instret cannot be read")?,
            }
            return Ok(0);
        }
    }
    Ok(index + 1)
}

fn kib(frames: u32) -> u64 {
    u64::from(frames) * PAGE_BYTES / 1024
}
