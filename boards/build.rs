//! A file is a board: lists every `*.toml` beside this crate, so that a new one is compiled in by lying there.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    println!("cargo::rerun-if-changed={folder}");

    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of a crate that is being built can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".toml")?.to_owned()))
        .filter(|name| name != "Cargo")
        .collect();
    names.sort();

    let mut list = String::from("&[\n");
    for name in names {
        let path = Path::new(&folder).join(format!("{name}.toml"));
        writeln!(list, "    ({name:?}, include_str!({path:?})),").expect("a String takes all");
    }
    list.push(']');
    fs::write(Path::new(&out).join("files.rs"), list).expect("OUT_DIR can be written");
}
