//! Genode: a page fault that no region manager answers.
//!
//! ```text
//! no RM attachment (READ pf_addr=0x10 pf_ip=0x1000a34 from pager_object: pd='init' thread='ep')
//! ```
//!
//! The access is a word; the cause is the page fault of that access. Source: the kernel's and core's log
//! messages, as they print.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Genode",
    begins: &["no RM attachment"],
    marks: &["pf_addr=", "pf_ip="],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    let accesses: [(&[u8], u8); 3] = [(b"READ pf_", 13), (b"WRITE pf_", 15), (b"EXEC pf_", 12)];
    for (word, cause) in accesses {
        if memmem::find(line, word).is_some() {
            draft.named = Some(cause);
        }
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn the_access_is_the_cause() {
        for (access, cause) in [("READ", 13), ("WRITE", 15), ("EXEC", 12)] {
            let text = format!(
                "no RM attachment ({access} pf_addr=0x10 pf_ip=0x1000a34 from pager_object: pd='init')\n"
            );
            let found = crashes(text.as_bytes());
            assert_eq!(
                (found[0].cause(), found[0].pc(), found[0].value()),
                (Some(cause), Some(0x100_0a34), Some(0x10))
            );
        }
    }
}
