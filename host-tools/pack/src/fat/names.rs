//! Short 8.3 names for long names.

use std::collections::BTreeSet;

use crate::error::FatNameError;

/// A name as a directory stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatName {
    /// 8 bytes of name and 3 of extension, padded with spaces.
    pub short: [u8; 11],
    /// The full name in UTF-16; `None` where the short name is exact.
    pub long: Option<Vec<u16>>,
}

/// Rejects a name that FAT does not allow, with the reason.
pub fn check(name: &str) -> Result<(), FatNameError> {
    let forbidden = |c: char| c < ' ' || "\"*/:<>?\\|\u{7f}".contains(c);
    if name.is_empty() || name.encode_utf16().count() > 255 {
        return Err(FatNameError::Length(name.to_owned()));
    }
    if name.contains(forbidden) || name.ends_with(['.', ' ']) {
        return Err(FatNameError::Character(name.to_owned()));
    }
    Ok(())
}

/// The short and long form of `name` in a directory whose short names are `taken`.
pub fn name(name: &str, taken: &mut BTreeSet<[u8; 11]>) -> FatName {
    let (base, extension) = name
        .rsplit_once('.')
        .filter(|(base, _)| !base.is_empty())
        .unwrap_or((name, ""));
    let (short_base, base_fits) = squeeze(base, 8);
    let (short_extension, extension_fits) = squeeze(extension, 3);
    let plain = join(&short_base, &short_extension);
    let fits = base_fits && extension_fits;
    let is_exact = fits && name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let short = if fits && !taken.contains(&plain) {
        plain
    } else {
        let numbered = |number: u32| {
            let tail = format!("~{number}");
            let kept = short_base.len().min(8 - tail.len());
            join(&format!("{}{tail}", &short_base[..kept]), &short_extension)
        };
        // A directory has fewer entries than there are numbers, so the loop ends.
        (1..1_000_000)
            .map(numbered)
            .find(|short| !taken.contains(short))
            .unwrap_or(plain)
    };
    taken.insert(short);
    let long = !(is_exact && short == plain);
    FatName {
        short,
        long: long.then(|| name.encode_utf16().collect()),
    }
}

/// Upper case, at most `room` bytes; true if only the case was changed.
fn squeeze(part: &str, room: usize) -> (String, bool) {
    let mut short = String::new();
    let mut fits = true;
    for c in part.chars() {
        match c.to_ascii_uppercase() {
            c if c.is_ascii_alphanumeric() || "$%'-_@~`!(){}^#&".contains(c) => short.push(c),
            '.' | ' ' => fits = false,
            _ => {
                fits = false;
                short.push('_');
            }
        }
    }
    fits &= short.len() <= room;
    short.truncate(room);
    (short, fits)
}

fn join(base: &str, extension: &str) -> [u8; 11] {
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base.as_bytes());
    short[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    short
}

/// Checksum of a short name, stored in every piece of its long name.
pub fn checksum(short: &[u8; 11]) -> u8 {
    short
        .iter()
        .fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_unique_and_long_ones_kept_where_they_differ() {
        let mut taken = BTreeSet::new();
        let mut short = |text: &str| {
            let name = name(text, &mut taken);
            (
                String::from_utf8_lossy(&name.short).into_owned(),
                name.long.is_some(),
            )
        };
        assert_eq!(short("README.TXT"), ("README  TXT".into(), false));
        assert_eq!(short("Image"), ("IMAGE      ".into(), true));
        assert_eq!(short("extlinux.conf"), ("EXTLIN~1CON".into(), true));
        assert_eq!(short("extlinux.conf.old"), ("EXTLIN~1OLD".into(), true));
        assert_eq!(short("image"), ("IMAGE~1    ".into(), true));
        assert_eq!(short(".profile"), ("PROFIL~1   ".into(), true));
        assert_eq!(short("a b+ü.c"), ("AB__~1  C  ".into(), true));
    }

    #[test]
    fn names_no_fat_can_hold_are_refused() {
        for wrong in ["", "a:b", "dot.", "blank ", "nul\0"] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        assert!(check("extlinux.conf").is_ok());
    }
}
