//! QEMU: `-d int`, and the monitor's `info registers`.
//!
//! ```text
//! riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000d, epc:0x…, tval:0x…, desc=load_page_fault
//!
//! CPU#0
//!  pc       ffffffff80018d10
//!  mcause   0000000000000009
//!  scause   0000000000000008
//!  x0/zero  0000000000000000 x1/ra    ffffffff80018b1c x2/sp    ffffffff800a1e50
//! ```
//!
//! An interrupt's cause is printed without its top bit: `async:1` says that it is one. Source:
//! `target/riscv/cpu_helper.c`, `cpu.c`.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "QEMU",
    begins: &["riscv_cpu_do_interrupt", "CPU#"],
    marks: &["mhartid"],
    more,
    has_own_pc: true,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    draft.is_interrupt |= memmem::find(line, b"async:1").is_some();
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::{LogFinding, LogReader, crashes};

    #[test]
    fn each_trap_of_a_trace_is_one_and_interrupts_are_no_faults() {
        let text = "\
riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000d, epc:0x0000000080200010, tval:0x0000000000000008, desc=load_page_fault
riscv_cpu_do_interrupt: hart:0, async:1, cause:0000000000000005, epc:0x0000000080200010, tval:0x0000000000000000, desc=s_timer
riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000d, epc:0x0000000080200010, tval:0x0000000000000008, desc=load_page_fault
riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000008, epc:0x0000000000010000, tval:0x0000000000000000, desc=user_ecall
";
        let found = crashes(text.as_bytes());
        let causes: Vec<_> = found.iter().map(|it| it.cause().unwrap()).collect();
        assert_eq!(causes, [13, 1 << 63 | 5, 13, 8]);
        assert!(found.iter().all(|it| it.notes.is_empty()), "{found:?}");
        let mut faults = Vec::new();
        let mut keep = |it| {
            if let LogFinding::Fault(sighting) = it {
                faults.push((sighting.fault.cause, sighting.fault.va));
            }
        };
        let mut reader = LogReader::default();
        text.lines().for_each(|line| {
            reader.line(line.as_bytes(), &mut keep);
        });
        reader.finish(&mut keep);
        assert_eq!(faults, [(13, 8), (13, 8), (8, 0)]);
    }

    #[test]
    fn of_all_registers_none_is_dropped_and_each_hart_is_a_report() {
        let hart = |number: u32, scause: u32| {
            format!(
                "\
CPU#{number}
 V      =   0
 pc       ffffffff80018d10
 mhartid  000000000000000{number}
 mstatus  0000000a000020a0
 mip      0000000000000000
 mcause   0000000000000009
 mepc     0000000080200070
 scause   000000000000000{scause:x}
 sepc     000000000001042a
 stval    0000000000004000
 satp     8000000000080120
 x0/zero  0000000000000000 x1/ra    ffffffff80018b1c x2/sp    ffffffff800a1e50 x3/gp    0000000000000000
 f0/ft0   0000000000000000 f1/ft1   0000000000000000
"
            )
        };
        let found = crashes((hart(0, 15) + &hart(1, 13)).as_bytes());
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.cause(), it.pc(), it.value()))
            .collect();
        let at = Some(0x1042a);
        assert_eq!(
            told,
            [(Some(15), at, Some(0x4000)), (Some(13), at, Some(0x4000))]
        );
        assert_eq!(found[0].register("satp"), Some(0x8000_0000_0008_0120));
        assert_eq!(found[0].register("sp"), Some(0xffff_ffff_800a_1e50));
        assert!(!found[0].is_machine());
    }

    #[test]
    fn a_hart_of_32_bits_prints_eight_digits() {
        let text = "riscv_cpu_do_interrupt: hart:0, async:1, cause:00000005, epc:0x80200580, tval:0x00000000, desc=s_timer\n";
        let found = crashes(text.as_bytes());
        assert_eq!((found[0].cause(), found[0].digits), (Some(1 << 31 | 5), 8));
    }
}
