//! Which hart a line is of.
//!
//! ```text
//! hart 1: scause=0xd      sbi_trap_error: hart1: mcause=…      core   0: exception …      CPU#1
//! ```

/// Bytes at the beginning of a line in which the hart is named.
const LOOKED_AT: usize = 64;

/// The number of the hart that the line names, at its beginning or behind a prefix.
pub(super) fn named(line: &[u8]) -> Option<u64> {
    let line = &line[..line.len().min(LOOKED_AT)];
    let places = (0..line.len()).filter(|at| *at == 0 || !line[at - 1].is_ascii_alphanumeric());
    places.into_iter().find_map(|at| number_of(&line[at..]))
}

fn number_of(text: &[u8]) -> Option<u64> {
    let words: [&[u8]; 3] = [b"hart", b"cpu", b"core"];
    let is_it =
        |word: &&&[u8]| text.len() > word.len() && text[..word.len()].eq_ignore_ascii_case(word);
    let word = words.iter().find(is_it)?;
    let behind = &text[word.len()..];
    let between = |it: &&u8| matches!(it, b' ' | b'#' | b':');
    let digits = &behind[behind.iter().take(4).take_while(between).count()..];
    let count = digits.iter().take_while(|it| it.is_ascii_digit()).count();
    let is_alone = !digits
        .get(count)
        .is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'.');
    super::number(&digits[..count], 10).filter(|_| is_alone && count <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hart_is_named_in_many_words_and_a_number_of_harts_is_none() {
        for (line, hart) in [
            ("hart 1: scause=0xd", Some(1)),
            ("sbi_trap_error: hart3: trap0: mcause=0x5", Some(3)),
            ("core   0: exception trap_load_page_fault, epc 0x8", Some(0)),
            ("CPU#1", Some(1)),
            ("[    1.0] CPU: 2 PID: 77 Comm: sh", Some(2)),
            ("riscv_cpu_do_interrupt: hart:0, async:0", Some(0)),
            ("Brought up 1 node, 4 CPUs", None),
            ("cpu1.c:17", None),
            ("hart", None),
            ("hartid 0x1", None),
            ("core 123456", None),
        ] {
            assert_eq!(named(line.as_bytes()), hart, "{line}");
        }
    }
}
