//! Fuchsia: what its crash service says of a process that died.
//!
//! ```text
//! [00001.234] 01032:01047> <== fatal exception: process foo[12345] thread initial-thread[12347]
//! [00001.234] 01032:01047> <== page not present fault, PC at 0x2a4cb8c6a2
//! [00001.234] 01032:01047>  cause 0xd, tval 0x18
//! ```
//!
//! Proven on the written form only, not on a running Fuchsia.

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Fuchsia",
    begins: &["<== fatal exception"],
    marks: &["fault, PC at 0x"],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(pc) = hex_after(line, "PC at ") {
        draft.put_of_words("epc", pc);
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn the_pc_stands_in_a_sentence_or_beside_the_other_registers() {
        let lines = [
            "<== fatal exception: process foo[12345] thread initial-thread[12347]",
            "<== page not present fault, PC at 0x2a4cb8c6a2",
            " pc: 0x00000002a4cb8c6a2 ra: 0x2a4cb8c690 sp: 0x3fb2c4e80",
            " cause 0xd, tval 0x18",
        ];
        for without in [None, Some(1), Some(2)] {
            let kept = lines.iter().enumerate();
            let text = kept
                .filter(|(place, _)| Some(*place) != without)
                .map(|(_, line)| format!("[00001.234] 01032:01047> {line}\n"))
                .collect::<String>();
            let found = crashes(text.as_bytes());
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].cause(), found[0].pc(), found[0].value()),
                (Some(13), Some(0x2a_4cb8_c6a2), Some(0x18)),
                "{text}"
            );
        }
    }
}
