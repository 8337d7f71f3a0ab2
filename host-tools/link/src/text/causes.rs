//! Causes by their names, as manuals, kernels and simulators spell them.
//!
//! `Load page fault`, `LoadPageFault`, `load_page_fault`, `EXCEPT_RISCV_LOAD_ACCESS_PAGE_FAULT` and
//! `trap_load_page_fault` are one cause: letters count, what stands between them does not.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Names in small letters, without anything between; of those that fit the longest counts.
const NAMES: &[(&str, u8)] = &[
    ("instructionaddressmisaligned", 0),
    ("instructionaddrmisaligned", 0),
    ("instructionmisaligned", 0),
    ("instmisaligned", 0),
    ("instructionaccessfault", 1),
    ("instaccessfault", 1),
    ("execaccessfault", 1),
    ("fetchaccess", 1),
    ("instructionfault", 1),
    ("execfault", 1),
    ("illegalinstruction", 2),
    ("illegalinst", 2),
    ("exceptionbreakpoint", 3),
    ("trapbreakpoint", 3),
    ("descbreakpoint", 3),
    ("riscvbreakpoint", 3),
    ("loadaddressmisaligned", 4),
    ("loadaddrmisaligned", 4),
    ("misalignedload", 4),
    ("loadmisaligned", 4),
    ("loadaccessfault", 5),
    ("loadfault", 5),
    ("storeamoaddressmisaligned", 6),
    ("storeoramoaddressmisaligned", 6),
    ("storeaddressmisaligned", 6),
    ("misalignedstore", 6),
    ("storemisaligned", 6),
    ("storeamoaccessfault", 7),
    ("storeoramoaccessfault", 7),
    ("storeaccessfault", 7),
    ("storefault", 7),
    ("userenvcall", 8),
    ("userecall", 8),
    ("environmentcallfromumode", 8),
    ("supervisorenvcall", 9),
    ("supervisorecall", 9),
    ("environmentcallfromsmode", 9),
    ("hypervisorecall", 10),
    ("virtualsupervisorecall", 10),
    ("environmentcallfromvsmode", 10),
    ("machineenvcall", 11),
    ("machineecall", 11),
    ("environmentcallfrommmode", 11),
    ("instructionpagefault", 12),
    ("instructionaccesspagefault", 12),
    ("instaccesspagefault", 12),
    ("instpagefault", 12),
    ("execpagefault", 12),
    ("fetchpagefault", 12),
    ("loadpagefault", 13),
    ("loadaccesspagefault", 13),
    ("storepagefault", 15),
    ("storeamopagefault", 15),
    ("storeoramopagefault", 15),
    ("storeaccesspagefault", 15),
    ("doubletrap", 16),
    ("instructionguestpagefault", 20),
    ("guestexecpagefault", 20),
    ("loadguestpagefault", 21),
    ("guestloadpagefault", 21),
    ("virtualinstruction", 22),
    ("virtillegalinstruction", 22),
    ("storeguestpagefault", 23),
    ("storeamoguestpagefault", 23),
    ("gueststorepagefault", 23),
];

/// All names at once: the lines of a trace have one each.
static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(NAMES.iter().map(|(name, _)| name))
        .expect("a few short words")
});

/// The cause that the text names, if it names one.
pub(super) fn named(text: &[u8]) -> Option<u8> {
    named_behind(text, 0)
}

/// The cause that the text names behind a place, else the one that it names before it.
pub(super) fn named_behind(text: &[u8], place: usize) -> Option<u8> {
    let (before, behind) = text.split_at(place);
    let mut letters = Vec::with_capacity(text.len());
    put_letters(before, &mut letters);
    let place = letters.len();
    put_letters(behind, &mut letters);
    let fits = AUTOMATON.find_overlapping_iter(&letters);
    let best = fits.max_by_key(|hit| (hit.start() >= place, hit.len()));
    best.map(|hit| NAMES[hit.pattern()].1)
}

fn put_letters(text: &[u8], letters: &mut Vec<u8>) {
    let alphabetic = text.iter().filter(|byte| byte.is_ascii_alphabetic());
    letters.extend(alphabetic.map(u8::to_ascii_lowercase));
}

#[cfg(test)]
mod tests {
    use abi::Cause;

    use super::*;

    #[test]
    fn every_cause_of_the_manual_is_known_by_its_words() {
        for cause in Cause::ALL {
            let is_plain = !matches!(
                cause,
                Cause::Breakpoint | Cause::SoftwareCheck | Cause::HardwareError
            );
            let expected = is_plain.then_some(cause.number());
            assert_eq!(named(cause.to_string().as_bytes()), expected, "{cause}");
        }
    }

    #[test]
    fn the_same_cause_in_other_spellings() {
        for (text, number) in [
            ("Exception(LoadPageFault)", 13),
            ("Exception(StoreFault)", 7),
            ("000000000000000F(EXCEPT_RISCV_STORE_ACCESS_PAGE_FAULT)", 15),
            ("core   0: exception trap_load_access_fault, epc", 5),
            ("desc=exec_page_fault", 12),
            ("desc=guest_load_page_fault", 21),
            ("Store or AMO access fault", 7),
            ("Unhandled exception: Breakpoint", 3),
            ("Environment call from S-mode", 9),
        ] {
            assert_eq!(named(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(named(b"Breakpoint 1, main ()"), None);
        assert_eq!(named(b"a fault of the loader"), None);
    }
}
