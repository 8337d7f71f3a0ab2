//! Programs for the board are linked by `link.ld`.

fn main() {
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rerun-if-changed=build.rs");
    // A program that is new needs its place: a folder's time changes with what is in it.
    println!("cargo::rerun-if-changed=src/bin");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg-bins=-T{folder}/link.ld");
        println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
        place(&folder);
        // Line tables stay, for debuggers; `pagewalk romfs strip` leaves them out of the initrd. The labels
        // they refer to have no owner.
        println!("cargo::rustc-link-arg-bins=--discard-locals");
    }
}

/// Where each program's text and data begin; 0 for data is behind the rest. Programs that are
/// linked for a layout lie where the system that it is of has them.
fn place(folder: &str) {
    let programs = std::fs::read_dir(format!("{folder}/src/bin")).expect("the programs are there");
    for program in programs.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let name = program.trim_end_matches(".rs");
        let (text, data) = match name {
            "layout_nuttx" => ("0xc0000000", "0xc0100000"),
            "layout_ox64" => ("0x80000000", "0x80100000"),
            _ => ("0x10000", "0"),
        };
        for (symbol, value) in [("text_base", text), ("data_base", data)] {
            println!("cargo::rustc-link-arg-bin={name}=--defsym={symbol}={value}");
        }
    }
}
