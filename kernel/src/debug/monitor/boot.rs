//! What was found and decided at boot, one fact a line.

use core::fmt::{self, Write};

use crate::board::UartDriver;
use crate::mm::PAGE_BYTES;
use crate::platform::Platform;
use crate::system::System;
use crate::tree::Wiring;

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
            system.local.platform.dialect()
        )?,
        4 => {
            let timer = if boot.sstc { "stimecmp" } else { "firmware" };
            writeln!(out, "timebase    {} Hz, timer by {timer}", boot.timebase_hz)?;
        }
        5 => writeln!(out, "fault log   {} records", system.local.log.capacity())?,
        6 => match boot.first_instruction {
            Some(_) => writeln!(
                out,
                "prompt      {} instructions after the first",
                boot.to_first_byte
            )?,
            None => writeln!(out, "prompt      not counted: instret cannot be read")?,
        },
        7 => console(&boot.wiring, out)?,
        _ => {
            let devices = boot.board.devices;
            let Some(device) = devices.get(index - 8) else {
                return Ok(0);
            };
            writeln!(
                out,
                "device      {} at {:#x}, {} bytes",
                device.name, device.base, device.bytes
            )?;
        }
    }
    Ok(if index < 7 + boot.board.devices.len() {
        index + 1
    } else {
        0
    })
}

fn console(wiring: &Wiring, out: &mut impl Write) -> fmt::Result {
    let kind = match wiring.uart.kind {
        UartDriver::Ns16550 => "ns16550",
        UartDriver::Bl808 => "bl808",
    };
    write!(out, "console     {kind} at {:#x}, ", wiring.uart.base)?;
    match wiring.interrupt {
        Ok(plic) => writeln!(
            out,
            "interrupt {} of the PLIC at {:#x}, context {}",
            plic.irq, plic.base, plic.context
        ),
        Err(why) => writeln!(out, "polled: {why}"),
    }
}

fn kib(frames: u32) -> u64 {
    u64::from(frames) * PAGE_BYTES / 1024
}
