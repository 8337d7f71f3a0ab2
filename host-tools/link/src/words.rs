//! Numbers with the noun they count.

/// Number and noun, with an `s` unless it is one. `model::counted` is the same for the crates that import the
/// model; this one does not.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{AgentError, Damage};

    #[test]
    fn one_byte_and_one_frame_are_singular_in_errors() {
        assert_eq!(counted(0, "frame"), "0 frames");
        let said = AgentError::Unintelligible { bytes: 1 }.to_string();
        assert!(said.contains("though 1 byte came"), "{said}");
        let said = AgentError::Unintelligible { bytes: 2 }.to_string();
        assert!(said.contains("though 2 bytes came"), "{said}");
        let damage = |bad, good| {
            Damage {
                good,
                bad,
                change: None,
            }
            .to_string()
        };
        assert!(damage(1, 0).starts_with("1 of 1 frame came damaged"));
        assert!(damage(1, 1).starts_with("1 of 2 frames came damaged"));
    }
}
