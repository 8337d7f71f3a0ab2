//! Registers of each hart, for a dump of the whole machine.

use link::gdb::Stub;
use link::memory::vmcore::HartRegisters;

#[cfg(feature = "probe")]
use crate::hart::ProbedHart;

/// Names of x1 to x31 in a target description: Unprivileged spec, register names of the calling convention.
pub const GENERAL_REGISTERS: [&str; 31] = [
    "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// Those of every hart behind a stub. One that the stub does not let choose is left out.
pub(super) fn of_stub(stub: &mut Stub) -> anyhow::Result<Vec<HartRegisters>> {
    let known = stub.names()?;
    // Some stubs use the other name of x8, or numbers.
    let name = |number: usize| {
        let other = format!("x{}", number + 1);
        let names = [GENERAL_REGISTERS[number], "s0", other.as_str()];
        let of = |it: &&str| (**it != *"s0" || number == 7) && known.iter().any(|k| k == *it);
        names.iter().find(|it| of(it)).map(|it| (*it).to_owned())
    };
    let names: Vec<Option<String>> = (0..GENERAL_REGISTERS.len()).map(name).collect();
    let threads = stub.threads()?;
    let mut harts = Vec::new();
    for hart in 0..threads.ids.len().max(1) {
        if let Some(id) = threads.ids.get(hart)
            && !stub.select_thread(id)?
        {
            continue;
        }
        let mut registers = HartRegisters {
            hart: hart as u32,
            pc: stub.register("pc")?,
            general: [0; 31],
        };
        for (value, name) in registers.general.iter_mut().zip(&names) {
            if let Some(name) = name {
                *value = stub.register(name)?;
            }
        }
        harts.push(registers);
    }
    Ok(harts)
}

/// Those of the hart at a probe.
#[cfg(feature = "probe")]
pub(super) fn of_probe(hart: &mut ProbedHart, number: u32) -> anyhow::Result<Vec<HartRegisters>> {
    /// Where the hart was halted: Debug specification, dpc.
    const DPC: u16 = 0x7b1;
    let target = hart.target()?;
    let mut registers = HartRegisters {
        hart: number,
        ..HartRegisters::default()
    };
    for (value, number) in registers.general.iter_mut().zip(1..) {
        *value = target.register(number)?;
    }
    registers.pc = target.csr(DPC)?;
    Ok(vec![registers])
}
