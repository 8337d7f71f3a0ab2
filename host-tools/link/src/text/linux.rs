//! Linux: an oops, and a program that died of a signal.
//!
//! ```text
//! Unable to handle kernel paging request at virtual address ff60000101000000
//! Current insmod pgtable: 4K pagesize, 57-bit VAs, pgdp=0x0000000084a7b000         since 6.13
//! [ff60000101000000] pgd=0000000020001001, p4d=…, pud=…, pmd=0000000000000000
//! epc : ffffffff0122a012 ra : ffffffff800020ae sp : ff200000006bbc70
//! status: 0000000200000120 badaddr: ff60000101000000 cause: 000000000000000f
//! Kernel Offset: 0x1e00000 from 0xffffffff80000000                                  with KASLR
//! ```
//!
//! Source: `arch/riscv/kernel/process.c`, `traps.c`, `mm/fault.c` of Linux, as they print.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::{field, hex_after};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Linux",
    begins: &[
        "Unable to handle kernel",
        "unhandled signal",
        "Oops - ",
        "kernel BUG at",
    ],
    marks: &[
        "pgtable: ",
        " pgd=",
        "Kernel Offset: 0x",
        "epc : ",
        "Oops [",
    ],
    says: true,
    more,
    ..PLAIN
};

/// What a level is called, from the root on.
const LEVELS: [&str; 5] = ["pgd", "p4d", "pud", "pmd", "pte"];

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(at) = hex_after(line, "at virtual address ") {
        draft.put_of_words("badaddr", at);
    }
    for name in ["epc", "ra"] {
        let names = &mut draft.report.names;
        if let Some(symbol) = symbol(line, name)
            && !names.iter().any(|(known, _)| *known == name)
        {
            names.push((name, symbol));
        }
    }
    if let Some(offset) = hex_after(line, "Kernel Offset: ") {
        draft.report.moved_by = offset;
    }
    if let Some(root) = hex_after(line, "pgdp=") {
        let walk = draft.report.walk.get_or_insert_default();
        walk.root = Some(root);
        walk.va_bits = va_bits(line);
    }
    if memmem::find(line, b" pgd=").is_some() {
        let walk = draft.report.walk.get_or_insert_default();
        let entries = LEVELS.iter().map_while(|name| {
            let value = field(line, name)?;
            Some((*name, value))
        });
        walk.entries = entries.collect();
    }
    Registers::Count
}

/// `epc : poke_init+0x20/0xff0 [poke]`, without the function's length.
fn symbol(line: &[u8], name: &str) -> Option<String> {
    let mark = format!("{name} : ");
    let begin = memmem::find(line, mark.as_bytes())? + mark.len();
    let text = str::from_utf8(&line[begin..]).ok()?.trim_end();
    let (symbol, behind) = text.split_once('/')?;
    let is_symbol = symbol.contains("+0x") && !symbol.contains(' ');
    let module = behind.split_once(' ').map(|(_, module)| module);
    is_symbol.then(|| match module {
        Some(module) if module.starts_with('[') => format!("{symbol} {module}"),
        _ => symbol.to_owned(),
    })
}

/// `39-bit VAs`.
fn va_bits(line: &[u8]) -> Option<u32> {
    let end = memmem::find(line, b"-bit VAs")?;
    let digits = line[..end]
        .iter()
        .rev()
        .take_while(|it| it.is_ascii_digit())
        .count();
    std::str::from_utf8(&line[end - digits..end])
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    const OOPS: &str = "\
[   7.1] Unable to handle kernel paging request at virtual address ffffffd980000008
[   7.1] Current sh pgtable: 4K pagesize, 39-bit VAs, pgdp=0x0000000081e4a000
[   7.1] [ffffffd980000008] pgd=0000000021fff801, p4d=0000000021fff801, pud=0000000021fff801, pmd=0000000000000000
[   7.1] Oops [#1]
[   7.1] Modules linked in: poke(O)
[   7.1] CPU: 3 UID: 0 PID: 77 Comm: sh Tainted: G           O       6.14.0 #1
[   7.1] epc : poke_init+0x20/0xff0 [poke]
[   7.1]  ra : do_one_initcall+0x4e/0x1b0
[   7.1] epc : ffffffff01d2a020 ra : ffffffff81e020ae sp : ffffffc60048bc70
[   7.1]  gp : ffffffff8386ef80 tp : ffffffd981a7c500 t0 : 0000000000000000
[   7.1] status: 0000000200000120 badaddr: ffffffd980000008 cause: 000000000000000d
[   7.1] [<ffffffff01d2a020>] poke_init+0x20/0xff0 [poke]
[   7.1] Kernel Offset: 0x1e00000 from 0xffffffff80000000
";

    #[test]
    fn an_oops_is_one_report_with_the_walk_that_linux_printed() {
        let found = crashes(OOPS.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let oops = &found[0];
        assert_eq!(oops.dialect, Some("Linux"));
        assert_eq!(
            (oops.cause(), oops.pc()),
            (Some(13), Some(0xffff_ffff_01d2_a020))
        );
        assert_eq!(oops.value(), Some(0xffff_ffd9_8000_0008));
        assert_eq!((oops.status(), oops.digits), (Some(0x2_0000_0120), 16));
        assert_eq!(oops.moved_by, 0x1e0_0000);
        let names = [
            ("epc", "poke_init+0x20 [poke]"),
            ("ra", "do_one_initcall+0x4e"),
        ];
        assert_eq!(
            oops.names,
            names.map(|(name, symbol)| (name, symbol.to_owned()))
        );
        assert!(
            oops.message
                .as_ref()
                .is_some_and(|it| it.starts_with("Unable to handle"))
        );
        let walk = oops.walk.as_ref().unwrap();
        assert_eq!((walk.va_bits, walk.root), (Some(39), Some(0x81e4_a000)));
        let names: Vec<_> = walk.entries.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["pgd", "p4d", "pud", "pmd"]);
        assert_eq!((walk.entries[0].1, walk.entries[3].1), (0x21ff_f801, 0));
    }

    #[test]
    fn a_program_of_32_bits_that_died_and_an_oops_after_it_are_two() {
        let text = format!(
            "\
init[1]: unhandled signal 11 code 0x1 at 0x00000003 in busybox[10000+f6000]
CPU: 0 PID: 1 Comm: init Not tainted 6.6.0 #1
epc : 0001a698 ra : 0001a62a sp : 9dd3bbd0
 gp : 000f0e68 tp : 3fadd2c7 t0 : 3faddf9a
status: 00000020 badaddr: 00000003 cause: 0000000f
{OOPS}"
        );
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 2, "{found:?}");
        let signal = &found[0];
        assert_eq!(
            (signal.cause(), signal.pc(), signal.value()),
            (Some(15), Some(0x1a698), Some(3))
        );
        assert_eq!((signal.digits, found[1].digits), (8, 16));
        assert!(
            signal
                .message
                .as_ref()
                .is_some_and(|it| it.contains("busybox"))
        );
    }

    #[test]
    fn an_oops_without_its_last_line_keeps_what_it_has() {
        let cut = OOPS.split("status").next().unwrap();
        let found = crashes(cut.as_bytes());
        assert_eq!(found[0].missing(), ["scause"]);
        assert_eq!(found[0].value(), Some(0xffff_ffd9_8000_0008));
    }
}
