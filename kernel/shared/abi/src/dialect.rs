//! Numbers of page-table entry dialects on the wire.

use pagetable::Dialect;

/// The wire number of a dialect.
pub const fn dialect_number(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::None => 0,
        Dialect::Svpbmt => 1,
        Dialect::THead => 2,
    }
}

/// The dialect with a wire number; unknown numbers decode to a dialect without memory types.
pub fn numbered_dialect(number: u64) -> Dialect {
    Dialect::ALL
        .into_iter()
        .find(|dialect| u64::from(dialect_number(*dialect)) == number)
        .unwrap_or(Dialect::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_a_number_of_its_own_and_others_have_no_types() {
        for dialect in Dialect::ALL {
            assert_eq!(numbered_dialect(dialect_number(dialect).into()), dialect);
        }
        assert_eq!(
            [0, 1, 2].map(numbered_dialect),
            [Dialect::None, Dialect::Svpbmt, Dialect::THead]
        );
        assert_eq!(numbered_dialect(3), Dialect::None);
        assert_eq!(numbered_dialect(u64::MAX), Dialect::None);
    }
}
