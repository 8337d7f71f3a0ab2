//! Truncates text to the width of a column, visibly.

/// The text, or its start and `…`: an address truncated without a mark would look like another address.
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
