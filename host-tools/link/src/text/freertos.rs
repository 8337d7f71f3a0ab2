//! FreeRTOS on RISC-V: it leaves the report of an exception to the application.
//!
//! ```text
//! freertos_risc_v_application_exception_handler: mcause 0x00000007 mepc 0x80001234 mtval 0x0
//! ```
//!
//! There is no form that all have; what ports and vendors print names the registers of machine mode.

use super::draft::{PLAIN, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "FreeRTOS",
    marks: &["freertos_risc_v", "handle_trap", "FreeRTOS exception"],
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn what_ports_print_names_the_registers_of_machine_mode() {
        for text in [
            "freertos_risc_v_application_exception_handler: mcause 0x00000007 mepc 0x80001234 mtval 0x00000000\n",
            "handle_trap\nmcause = 0x00000007\nmepc = 0x80001234\nmtval = 0x00000000\n",
            "| mcause | 0x00000007 |\n| mepc   | 0x80001234 |\n| mtval  | 0x00000000 |\n",
            "\"mcause\": \"0x00000007\",\n\"mepc\": \"0x80001234\",\n\"mtval\": \"0x00000000\"\n",
        ] {
            let found = crashes(text.as_bytes());
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            let trap = &found[0];
            assert!(trap.is_machine() && trap.digits == 8, "{text}: {trap:?}");
            assert_eq!(
                (trap.cause(), trap.pc(), trap.value()),
                (Some(7), Some(0x8000_1234), Some(0))
            );
        }
    }
}
