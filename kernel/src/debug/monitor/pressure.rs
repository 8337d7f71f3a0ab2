//! Pressure: shares of the time in which programs could not go on for want of memory.

use core::fmt::{self, Write};

use abi::PressureKind;

use crate::fault::{PRESSURE_SPANS, Pressure};
use crate::platform::Platform;
use crate::system::System;

/// A line for each kind, as in Linux's `/proc/pressure/memory`.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(kind) = PressureKind::decode(index) else {
        return Ok(0);
    };
    let (pressure, total) = now(system, kind);
    write!(out, "{}", kind.text())?;
    for (span, share) in PRESSURE_SPANS.iter().zip(pressure.averages(kind)) {
        write!(out, " avg{span}={share}")?;
    }
    writeln!(out, " total={total}")?;
    Ok(next(index))
}

/// An object for each kind.
pub fn json<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(kind) = PressureKind::decode(index) else {
        return Ok(0);
    };
    let (pressure, total) = now(system, kind);
    write!(out, r#"{{"pressure":"{}""#, kind.text())?;
    for (span, share) in PRESSURE_SPANS.iter().zip(pressure.averages(kind)) {
        write!(out, r#","avg{span}":{share}"#)?;
    }
    writeln!(out, r#","total_us":{total}}}"#)?;
    Ok(next(index))
}

/// As it is now, and the microseconds of stalls since boot.
fn now<P: Platform>(system: &System<P>, kind: PressureKind) -> (Pressure, u64) {
    let pressure = system.pressure.at(system.local.platform.ticks());
    let (ticks, second) = (pressure.total(kind), system.boot.timebase_hz.max(1));
    let total = ticks / second * 1_000_000 + ticks % second * 1_000_000 / second;
    (pressure, total)
}

fn next(index: usize) -> usize {
    PressureKind::decode(index + 1).map_or(0, PressureKind::number)
}
