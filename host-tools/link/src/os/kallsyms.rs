//! kallsyms: the symbols that a Linux kernel keeps of itself, compressed.
//!
//! A name is a list of tokens of one byte, each of which stands for a piece of text; the first letter is the
//! symbol's type. Source: Linux, scripts/kallsyms.c and kernel/kallsyms.c. VMCOREINFO says where the tables are
//! (6.0 and later).

use std::collections::BTreeMap;

use super::{OsError, Virtual};
use crate::memory::VmcoreInfo;

/// Most symbols that are believed: ten times those of a distribution's kernel.
const MOST_SYMBOLS: u32 = 1 << 21;
/// Most bytes of a compressed name, with its length: two bytes of it have 14 bits.
const MOST_NAMES: u64 = 1 << 26;

const WHAT: &str = "kallsyms";

/// Addresses of the symbols with these names, as far as the kernel has them.
pub(super) fn find(
    memory: &mut Virtual,
    info: &VmcoreInfo,
    wanted: &[&str],
) -> Result<BTreeMap<String, u64>, OsError> {
    let mut found = BTreeMap::new();
    Tables::read(memory, info)?.each(|address, name| {
        if let Some(wanted) = wanted.iter().find(|wanted| wanted.as_bytes() == name) {
            found.entry((*wanted).to_owned()).or_insert(address);
        }
    })?;
    Ok(found)
}

/// The symbol that each address lies behind, and how far.
pub(super) fn functions(
    memory: &mut Virtual,
    info: &VmcoreInfo,
    addresses: &[u64],
) -> Result<Vec<Option<(String, u64)>>, OsError> {
    let tables = Tables::read(memory, info)?;
    let mut places = Vec::new();
    tables.each(|symbol, _| places.push(symbol))?;
    places.sort_unstable();
    let below = |address: &u64| {
        let end = places.partition_point(|symbol| symbol <= address);
        Some(places[end.checked_sub(1)?])
    };
    let nearest: Vec<Option<u64>> = addresses.iter().map(below).collect();
    let mut names = BTreeMap::new();
    tables.each(|symbol, name| {
        // Of several at one address the first.
        if nearest.contains(&Some(symbol)) && !names.contains_key(&symbol) {
            names.insert(symbol, String::from_utf8_lossy(name).into_owned());
        }
    })?;
    let named = addresses.iter().zip(nearest).map(|(address, symbol)| {
        let symbol = symbol?;
        Some((names.get(&symbol)?.clone(), address - symbol))
    });
    Ok(named.collect())
}

/// The tables, as they are in memory.
struct Tables {
    base: u64,
    offsets: Vec<u8>,
    /// Text of each token.
    tokens: Vec<Vec<u8>>,
    names: Vec<u8>,
}

impl Tables {
    fn read(memory: &mut Virtual, info: &VmcoreInfo) -> Result<Tables, OsError> {
        let place = |name: &str| {
            let found = info.symbol(name);
            found.ok_or_else(|| OsError::Symbol(name.to_owned()))
        };
        let names_at = place("kallsyms_names")?;
        let tokens_at = place("kallsyms_token_table")?;
        let index_at = place("kallsyms_token_index")?;
        let count = memory.word32(WHAT, place("kallsyms_num_syms")?)?;
        if count > MOST_SYMBOLS {
            return Err(OsError::damaged(WHAT, format!("{count} symbols")));
        }
        let base = memory.word(WHAT, place("kallsyms_relative_base")?)?;
        let offsets = memory.bytes(WHAT, place("kallsyms_offsets")?, count as usize * 4)?;
        let index = memory.bytes(WHAT, index_at, 512)?;
        let distance = |from: u64, to: u64, most: u64| {
            let bytes = to.checked_sub(from).filter(|bytes| *bytes <= most);
            bytes.ok_or_else(|| OsError::damaged(WHAT, "its tables are not in order"))
        };
        let bytes = distance(tokens_at, index_at, 1 << 16)? as usize;
        let tokens = memory.bytes(WHAT, tokens_at, bytes)?;
        // Markers lie between the names and the tokens: a few words that are not looked at.
        let bytes = distance(names_at, tokens_at, MOST_NAMES)? as usize;
        let names = memory.bytes(WHAT, names_at, bytes)?;
        let token = |at: &[u8; 2]| {
            let rest = tokens.get(usize::from(u16::from_le_bytes(*at))..);
            let mut texts = rest.unwrap_or_default().split(|byte| *byte == 0);
            texts.next().unwrap_or_default().to_vec()
        };
        let tokens = index.as_chunks::<2>().0.iter().map(token).collect();
        Ok(Tables {
            base,
            offsets,
            tokens,
            names,
        })
    }

    /// Calls back with the address and name of each symbol.
    fn each(&self, mut symbol: impl FnMut(u64, &[u8])) -> Result<(), OsError> {
        let mut rest = &self.names[..];
        let mut name = Vec::new();
        for offset in self.offsets.as_chunks::<4>().0 {
            let Some((compressed, behind)) = compressed(rest) else {
                return Err(OsError::damaged(WHAT, "a name leads out of the table"));
            };
            rest = behind;
            name.clear();
            for token in compressed {
                name.extend_from_slice(&self.tokens[usize::from(*token)]);
            }
            let address = self
                .base
                .wrapping_add(u64::from(u32::from_le_bytes(*offset)));
            symbol(address, name.get(1..).unwrap_or_default());
        }
        Ok(())
    }
}

/// The tokens of the first name, and what is behind them.
fn compressed(names: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = names.split_first()?;
    let (length, rest) = match first & 0x80 {
        0 => (usize::from(*first), rest),
        _ => {
            let (high, rest) = rest.split_first()?;
            (usize::from(first & 0x7f) | usize::from(*high) << 7, rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_one_byte_or_two() {
        assert_eq!(compressed(&[2, 7, 8, 9]), Some((&[7, 8][..], &[9][..])));
        let long: Vec<u8> = [0x81, 1].into_iter().chain([5; 129]).collect();
        assert_eq!(compressed(&long), Some((&[5; 129][..], &[][..])));
        assert_eq!(compressed(&[3, 1, 2]), None);
        assert_eq!(compressed(&[]), None);
    }
}
