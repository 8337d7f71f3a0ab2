//! OpenOCD's `reg`.
//!
//! ```text
//! > reg scause
//! scause (/64): 0x000000000000000d
//! ```

use super::draft::{PLAIN, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "OpenOCD",
    marks: &["> reg ", "(/64): 0x", "(/32): 0x"],
    has_own_pc: true,
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn registers_asked_for_one_by_one_are_one_report() {
        for (bits, digits) in [(64, 16), (32, 8)] {
            let names = [
                ("scause", 15_u64),
                ("sepc", 0x8000_0004),
                ("stval", 0x40),
                ("satp", 0x8008_0000),
            ];
            let lines = names.map(|(name, value)| {
                format!(
                    "> reg {name}\n{name} (/{bits}): {value:#0width$x}\n",
                    width = digits + 2
                )
            });
            let found = crashes(lines.concat().as_bytes());
            assert_eq!(found.len(), 1, "{found:?}");
            let trap = &found[0];
            assert_eq!(
                (trap.cause(), trap.value(), trap.digits),
                (Some(15), Some(0x40), digits)
            );
            assert_eq!(trap.dialect, Some("OpenOCD"));
        }
    }
}
