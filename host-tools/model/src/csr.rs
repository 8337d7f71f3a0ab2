//! Names and numbers of CSRs.
//!
//! Privileged spec, table 3; Debug spec, §4.8.

/// Name and number, in the order of the Privileged spec.
const NAMES: &[(&str, u16)] = &[
    ("fflags", 0x001),
    ("frm", 0x002),
    ("fcsr", 0x003),
    ("cycle", 0xc00),
    ("time", 0xc01),
    ("instret", 0xc02),
    ("sstatus", 0x100),
    ("sie", 0x104),
    ("stvec", 0x105),
    ("scounteren", 0x106),
    ("senvcfg", 0x10a),
    ("sscratch", 0x140),
    ("sepc", 0x141),
    ("scause", 0x142),
    ("stval", 0x143),
    ("sip", 0x144),
    ("stimecmp", 0x14d),
    ("satp", 0x180),
    ("hstatus", 0x600),
    ("hgatp", 0x680),
    ("vsatp", 0x280),
    ("mvendorid", 0xf11),
    ("marchid", 0xf12),
    ("mimpid", 0xf13),
    ("mhartid", 0xf14),
    ("mstatus", 0x300),
    ("misa", 0x301),
    ("medeleg", 0x302),
    ("mideleg", 0x303),
    ("mie", 0x304),
    ("mtvec", 0x305),
    ("mcounteren", 0x306),
    ("menvcfg", 0x30a),
    ("mscratch", 0x340),
    ("mepc", 0x341),
    ("mcause", 0x342),
    ("mtval", 0x343),
    ("mip", 0x344),
    ("pmpcfg0", 0x3a0),
    ("pmpaddr0", 0x3b0),
    ("tselect", 0x7a0),
    ("tdata1", 0x7a1),
    ("tdata2", 0x7a2),
    ("dcsr", 0x7b0),
    ("dpc", 0x7b1),
];

/// The number of a CSR, by name or numeral: `satp`, `0x180`; below 4096.
pub fn number(text: &str) -> Option<u16> {
    let known = NAMES.iter().find(|(name, _)| *name == text);
    let named = known.map(|(_, number)| *number);
    named.or_else(|| {
        let digits = text.strip_prefix("0x")?;
        u16::from_str_radix(digits, 16)
            .ok()
            .filter(|it| *it < 0x1000)
    })
}

/// The name of a CSR; `None` for a number without a name here.
pub fn name(number: u16) -> Option<&'static str> {
    let known = NAMES.iter().find(|(_, it)| *it == number);
    known.map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        for (known, at) in NAMES {
            assert_eq!((number(known), name(*at)), (Some(*at), Some(*known)));
        }
        assert_eq!(number("0x5c0"), Some(0x5c0));
        assert_eq!(number("0x1000"), None);
        assert_eq!(number("1440"), None);
    }
}
