//! Numbers with the noun they count.

use std::fmt::Display;

/// Number and noun: `1 file`, `2 files`, `0 entries`.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let what = if number == N::from(1) { one } else { many };
    format!("{number} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_else_plural() {
        let words = [0_u64, 1, 2, 21].map(|number| counted(number, "entry", "entries"));
        assert_eq!(words, ["0 entries", "1 entry", "2 entries", "21 entries"]);
        assert_eq!(counted(1_usize, "file", "files"), "1 file");
        assert_eq!(counted(1_u128, "byte", "bytes"), "1 byte");
    }
}
