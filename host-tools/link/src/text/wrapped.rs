//! Lines that a terminal broke at its right edge.
//!
//! ```text
//! [    0.046000] riscv_fillpage: EXCEPTION: Store/AMO page fault. MCAUSE: 00000000
//! 0000000f, EPC: 000000008020f2d8, MTVAL: 00000000c0001000
//! ```
//!
//! Half a number is a number, and a wrong one. So a line that may be broken waits for the next, and
//! the two are one where together they have more registers.
//!
//! A mail breaks between words, and quotes what it breaks:
//!
//! ```text
//! > epc : ffffffff01d2a020 ra : ffffffff81e020ae sp :
//! > ffffffc60048bc70
//! ```

use super::registers::registers;

/// Columns of terminals.
const WIDTHS: [usize; 4] = [80, 100, 120, 132];
/// A line of several pieces is no longer than this.
const LONGEST: usize = 1 << 10;

/// Whether the line may go on in the next one: it ends at an edge, or in the middle of a number.
pub(super) fn may_be_cut(line: &[u8]) -> bool {
    let digits = line
        .iter()
        .rev()
        .take_while(|it| it.is_ascii_hexdigit())
        .count();
    let is_half = line.len() >= 40 && digits > 0 && digits != 16;
    line.len() <= LONGEST && (is_edge(line.len()) || is_half || is_open(line))
}

/// Whether the line ends behind a sign, with the number still to come.
fn is_open(line: &[u8]) -> bool {
    matches!(line.trim_ascii_end(), [.., b':' | b'='])
}

fn is_edge(columns: usize) -> bool {
    WIDTHS
        .iter()
        .any(|width| columns > 0 && columns.is_multiple_of(*width))
}

/// The two as one line, if they were one.
pub(super) fn joined(cut: &[u8], next: &[u8]) -> Option<Vec<u8>> {
    if is_open(cut) {
        let quoted = |it: &u8| matches!(it, b'>' | b'|' | b' ' | b'\t');
        let inside = next.iter().position(|it| !quoted(it))?;
        let together = [cut, b" ", &next[inside..]].concat();
        return (told(&together).0 > told(cut).0 + told(next).0).then_some(together);
    }
    let first = next.first().filter(|it| !matches!(it, b'[' | b'<'))?;
    let is_inside = cut.last()?.is_ascii_alphanumeric() && first.is_ascii_alphanumeric();
    if !is_inside && !is_edge(cut.len()) {
        return None;
    }
    let together = [cut, next].concat();
    let (apart, widths) = (told(cut).0 + told(next).0, told(cut).1 && told(next).1);
    let (all, is_even) = told(&together);
    // An edge alone is no reason: the next line may begin where this one happens to end.
    (all > apart || all == apart && is_even && (!widths || !same(cut, next))).then_some(together)
}

/// How many registers the line has, and whether all are printed at one width.
fn told(line: &[u8]) -> (usize, bool) {
    let mut found = Vec::new();
    registers(line, &mut found);
    let is_even = found.windows(2).all(|two| two[0].digits == two[1].digits);
    let is_wide = found.iter().all(|it| it.digits > 0);
    (found.len(), is_even && is_wide && !found.is_empty())
}

/// Whether both print at the same width.
fn same(cut: &[u8], next: &[u8]) -> bool {
    let digits = |line: &[u8]| {
        let mut found = Vec::new();
        registers(line, &mut found);
        found.first().map(|it| it.digits)
    };
    digits(cut) == digits(next)
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    const LINE: &str = "[    0.046000] riscv_exception: EXCEPTION: Load page fault. MCAUSE: \
                        000000000000000d, EPC: 000000008020f2d8, MTVAL: 00000000c0001000";

    #[test]
    fn a_line_broken_at_any_column_of_a_terminal_is_read_as_one() {
        for width in [80, 100, 120] {
            let (first, rest) = LINE.split_at(width);
            for end in ["\n", "\r\n"] {
                let text = format!("nsh> \n{first}{end}{rest}{end}other text\n");
                let found = crashes(text.as_bytes());
                assert_eq!(found.len(), 1, "{width}: {found:?}");
                let trap = &found[0];
                assert_eq!(
                    (trap.cause(), trap.pc(), trap.value()),
                    (Some(13), Some(0x8020_f2d8), Some(0xc000_1000))
                );
            }
        }
    }

    #[test]
    fn a_number_that_was_cut_is_never_a_cause() {
        for width in 60..LINE.len() {
            let (first, rest) = LINE.split_at(width);
            let found = crashes(format!("{first}\n{rest}\n").as_bytes());
            for trap in found {
                assert!(matches!(trap.cause(), Some(13) | None), "{width}: {trap:?}");
            }
        }
    }

    #[test]
    fn a_mail_that_breaks_between_name_and_number_is_read() {
        for quote in ["", "> ", "| ", "> > "] {
            let text = [
                "[ 7.1] epc : ffffffff01d2a020 ra : ffffffff81e020ae sp :",
                "ffffffc60048bc70",
                "[ 7.1] status: 0000000200000120 badaddr: ffffffd980000008 cause:",
                "000000000000000d",
            ];
            let text = text.map(|line| format!("{quote}{line}\n")).concat();
            let found = crashes(text.as_bytes());
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].cause(), found[0].value(), found[0].register("sp")),
                (
                    Some(13),
                    Some(0xffff_ffd9_8000_0008),
                    Some(0xffff_ffc6_0048_bc70)
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_that_only_end_at_the_edge_stay_two() {
        let long = "x".repeat(80 - "  sepc: 0000000080000010".len());
        let text = format!(
            "scause: 000000000000000d\n{long}  sepc: 0000000080000010\n0000 is no part of it\nstval: 0000000000000008\n"
        );
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].pc(), found[0].value()),
            (Some(0x8000_0010), Some(8))
        );
    }
}
