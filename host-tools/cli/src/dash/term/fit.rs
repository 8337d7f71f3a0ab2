//! Text in a column that may be too narrow for it: what was cut off shows.

/// As much of a text as the column holds; `…` stands for the rest. An address that simply ended
/// would be read as another one.
pub fn fit(text: &str, columns: u16) -> String {
    let columns = usize::from(columns);
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept = text.chars().take(columns.saturating_sub(1));
    kept.chain(['…'].into_iter().take(columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_shows() {
        assert_eq!(fit("0xffffffc000000000", 18), "0xffffffc000000000");
        assert_eq!(fit("0xffffffc000000000", 13), "0xffffffc000…");
        assert_eq!(fit("äöü", 2), "ä…");
        assert_eq!(
            (fit("ab", 1), fit("ab", 0)),
            ("…".to_owned(), String::new())
        );
    }
}
