//! Programs for the board are linked by `link.ld`.

fn main() {
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg-bins=-T{folder}/link.ld");
        println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
        // Programs go into the initrd as they are linked: line tables, and the labels they
        // refer to, would be 99 % of it. Names of functions stay.
        println!("cargo::rustc-link-arg-bins=--strip-debug");
        println!("cargo::rustc-link-arg-bins=--discard-locals");
    }
}
