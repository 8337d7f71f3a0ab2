//! Every word of a board file is checked: one is made wrong at a time, and the answer read.

/// Replaces one line of the Ox64's file, and returns what reading it says.
fn wrong(from: &str, to: &str) -> String {
    let text = include_str!("../ox64.toml");
    assert_eq!(
        text.matches(from).count(),
        1,
        "`{from}` stands once in ox64.toml"
    );
    match boards::parse("ox64", "boards/ox64.toml", &text.replace(from, to)) {
        Ok(board) => panic!("`{to}` was taken: {board:?}"),
        Err(wrong) => wrong.to_string(),
    }
}

/// The line of ox64.toml on which `text` begins, as an editor counts.
fn line(text: &str) -> usize {
    let lines = include_str!("../ox64.toml").lines();
    1 + lines.take_while(|line| !line.starts_with(text)).count()
}

/// What an answer says behind `boards/ox64.toml:LINE:COLUMN: `, which it begins with, and without the line it shows.
fn at_line(answer: &str, line: usize) -> &str {
    let rest = answer.strip_prefix(&format!("boards/ox64.toml:{line}:"));
    let (column, rest) = rest
        .and_then(|rest| rest.split_once(": "))
        .unwrap_or_else(|| panic!("{answer}\nbut not of line {line}"));
    assert!(column.parse::<usize>().is_ok(), "{answer}");
    let (what, shown) = rest.split_once('\n').expect("the line is shown");
    assert!(shown.contains(&format!("{line} | ")), "{answer}");
    assert!(shown.ends_with('^'), "{answer}");
    what
}

#[test]
fn what_programs_may_map_is_whole_pages_and_nothing_of_the_kernels() {
    for (to, says) in [
        (
            "base = 0x3000_7004",
            "device.base is 0x30007004; it can be a multiple of 0x1000",
        ),
        ("base = 0x3000_2000", "it can be where uart is not"),
        ("base = 0x5000_1000", "it can be where ram is not"),
        ("base = 0xe000_1000", "it can be where plic is not"),
    ] {
        let answer = wrong("base = 0x3000_7000", to);
        assert!(answer.contains(says), "{answer}");
    }
    let text = "name = \"mm_glb\"\nbase = 0x3000_7000\nsize = 0x1000";
    let answer = wrong(text, &text.replace("size = 0x1000", "size = 0x1001"));
    assert!(answer.contains("device.size is 0x1001"), "{answer}");
}

#[test]
fn an_unknown_word_is_named_beside_the_known_ones() {
    let at = line("dialect");
    assert_eq!(
        at_line(&wrong("dialect = \"thead\"", "dialect = \"thaed\""), at),
        "unknown variant `thaed`, expected one of `none`, `svpbmt`, `thead`"
    );
    for (from, to, known) in [
        (
            "paging = \"sv39\"",
            "paging = \"sv93\"",
            "`sv32`, `sv39`, `sv48`, `sv57`",
        ),
        (
            "kind = \"bl808\"",
            "kind = \"bl880\"",
            "`ns16550` or `bl808`",
        ),
        (
            "medium = \"sd\"",
            "medium = \"ds\"",
            "`sd`, `virtio`, `loader`",
        ),
        (
            "user_layout = \"ox64\"",
            "user_layout = \"x\"",
            "`low` or `ox64`",
        ),
    ] {
        let (at, answer) = (line(from), wrong(from, to));
        assert!(at_line(&answer, at).contains(known), "{answer}");
    }
}

#[test]
fn an_unknown_key_is_named_beside_the_known_ones() {
    let answer = wrong("irq = 20", "irk = 20");
    let at = line("irq");
    let what = at_line(&answer, at);
    assert!(
        what.starts_with("unknown field `irk`, expected one of"),
        "{answer}"
    );
    assert!(what.contains("`irq`"), "{answer}");
}

#[test]
fn a_missing_key_is_named() {
    let answer = wrong("baud = 2_000_000\n", "");
    assert!(answer.contains("missing field `baud`"), "{answer}");
}

#[test]
fn a_number_that_fits_nothing_is_named_with_what_it_can_be() {
    let cases = [
        ("title = \"Pine64 Ox64\"", "title = \" \"", "title is empty"),
        (
            "compatible = [\"pine64,ox64\", \"bflb,bl808\"]",
            "compatible = []",
            "compatible is empty",
        ),
        (
            "compatible = [\"pine64,ox64\", ",
            "compatible = [\"pine64 ox64\", ",
            "compatible is `pine64 ox64`; it can",
        ),
        ("xlen = 64", "xlen = 46", "xlen is 46; it can be 32, 64"),
        (
            "idcode = 0x1000_0b6f",
            "idcode = 0x1000_0b6e",
            "jtag.idcode is 0x10000b6e; its lowest bit can be 1",
        ),
        (
            "ir_bits = [5]",
            "ir_bits = [5, 40]",
            "jtag.ir_bits is [5, 40]; it can be 1 to 8 numbers from 2 to 32",
        ),
        (
            "paging = \"sv39\"",
            "paging = \"sv32\"",
            "paging is sv32; with xlen = 64 it can be sv39, sv48, sv57",
        ),
        (
            "timebase_hz = 1_000_000",
            "timebase_hz = 0",
            "timebase_hz is 0",
        ),
        (
            "base = 0x5000_0000",
            "base = 0x5010_0000",
            "ram.base is 0x50100000; it can be a multiple of 0x200000",
        ),
        (
            "size = 0x0400_0000",
            "size = 0x0400_0001",
            "ram.size is 0x4000001; it can be a multiple of 0x1000",
        ),
        (
            "irq = 20",
            "irq = 83",
            "uart.irq is 83; it can be 1 to plic.sources, which is 82",
        ),
        (
            "baud = 2_000_000",
            "baud = 0",
            "uart.baud is 0; it can be 1 to uart.clock_hz, which is 40000000",
        ),
        (
            "reg_bytes = 4",
            "reg_bytes = 3",
            "uart.reg_bytes is 3; it can be 1, 2, 4",
        ),
        (
            "reg_bytes = 4",
            "reg_bytes = 4\nreg_shift = 2",
            "uart.reg_shift is 2; with kind = \"bl808\" it can be 0 to 0",
        ),
        (
            "s_context = 1",
            "s_context = 15872",
            "plic.s_context is 15872; it can be 0 to 15871",
        ),
        (
            "sources = 82",
            "sources = 1024",
            "plic.sources is 1024; it can be 1 to 1023",
        ),
        (
            "text_offset = 0x20_0000",
            "text_offset = 0x8_0000",
            "boot.text_offset is 0x80000; with xlen = 64 it can be",
        ),
        (
            "load_address = 0x5020_0000",
            "load_address = 0x5040_0000",
            "boot.load_address is 0x50400000; it can be 0x50200000",
        ),
        (
            "max_image_bytes = 31_424_512",
            "max_image_bytes = 31_424_513",
            "boot.max_image_bytes is 0x1df8001; it can be 0x1 to 0x1df8000",
        ),
        (
            "dtb_address = 0x51ff_8000",
            "dtb_address = 0x5000_0000",
            "boot.dtb_address is 0x50000000; it can be",
        ),
    ];
    for (from, to, says) in cases {
        let answer = wrong(from, to);
        let place = from.lines().next().expect("a line");
        let what = at_line(&answer, line(place) + to.matches('\n').count());
        assert!(what.starts_with(says), "{answer}\nbut not {says}");
    }
}

#[test]
fn what_needs_64_bits_is_refused_with_32() {
    let text = include_str!("../qemu-virt-rv32.toml");
    for (from, to, says) in [
        (
            "dialect = \"none\"",
            "dialect = \"thead\"",
            "dialect is thead; with xlen = 32 it can be none",
        ),
        (
            "user_layout = \"low\"",
            "user_layout = \"ox64\"",
            "user_layout is ox64; with xlen = 32 it can be low",
        ),
        (
            "paging = \"sv32\"",
            "paging = \"sv39\"",
            "paging is sv39; with xlen = 32 it can be sv32",
        ),
    ] {
        let answer = boards::parse("x", "x.toml", &text.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(answer.contains(says), "{answer}");
    }
}

#[test]
fn no_text_panics() {
    let text = include_str!("../ox64.toml");
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        let _ = boards::parse("cut", "cut.toml", &text[..end]);
    }
    assert!(boards::parse("none", "none.toml", "").is_err());
    let far = text
        .replace("base = 0x5000_0000", "base = 0x7fff_ffff_ffe0_0000")
        .replace("size = 0x0400_0000", "size = 0x7fff_ffff_ffff_f000");
    assert!(boards::parse("far", "far.toml", &far).is_err());
}

#[test]
fn a_size_is_written_as_people_write_it_or_in_bytes() {
    let text = include_str!("../ox64.toml");
    let bytes = boards::by_name("ox64").expect("a board");
    for size in ["\"64M\"", "\"64MiB\"", "\"65536K\"", "67_108_864"] {
        let text = text.replace("size = 0x0400_0000", &format!("size = {size}"));
        assert_eq!(
            boards::parse("ox64", "x.toml", &text).as_ref(),
            Ok(&bytes),
            "{size}"
        );
    }
    let answer = wrong("size = 0x0400_0000", "size = \"64MB\"");
    assert!(
        at_line(&answer, line("size = 0x0400_0000")).contains("such as 128M"),
        "{answer}"
    );
    let answer = wrong("size = 0x0400_0000", "size = -1");
    assert!(
        answer.contains("a size such as \"128M\", or a number of bytes"),
        "{answer}"
    );
}

#[test]
fn a_file_of_the_users_own_is_a_board() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for word in ["./ox64.toml", "ox64.toml", "../boards/ox64.toml"] {
        assert_eq!(
            boards::find(word, folder).expect(word),
            boards::by_name("ox64").expect("a board")
        );
    }
    let missing = boards::find("./none.toml", folder).unwrap_err().to_string();
    assert!(missing.contains("./none.toml: No such file"), "{missing}");
    // Without a folder and an ending it is a name, whatever lies in the folder.
    assert!(
        boards::find("src", folder)
            .unwrap_err()
            .to_string()
            .contains("known boards")
    );
}
