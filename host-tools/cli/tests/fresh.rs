//! What a newcomer types, in a fresh copy of this tree with an empty target folder.
//!
//! The README's other command is the one that runs this test.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Copies a tree as a clone has it: without what was built, and without its history.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("a folder of the house") {
        let entry = entry.expect("an entry of it");
        let (name, kind) = (entry.file_name(), entry.file_type().expect("its kind"));
        if name == "target" || name == ".git" {
            continue;
        }
        let place = to.join(&name);
        if kind.is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), &place)
                .unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        }
    }
}

/// A command as a newcomer's shell runs it: nothing of the cargo that runs this test.
fn newcomer(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo = text.starts_with("CARGO") && text != "CARGO_HOME";
        if of_cargo
            || text.starts_with("NEXTEST")
            || text.starts_with("RUSTC")
            || text == "RUSTFLAGS"
        {
            command.env_remove(&name);
        }
    }
    command
}

#[test]
fn a_fresh_clone_makes_the_same_card() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(house.join("README.md")).expect("the README");
    let line = "./setup && just ox64-image";
    assert!(
        readme.contains(&format!("\n    {line}\n")),
        "the README gives another command"
    );

    let folder = tempfile::tempdir().expect("a folder for the clone");
    copy(&house, folder.path());
    let output = newcomer(folder.path(), line).output().expect("a shell");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{line}: {}\n{said}", output.status);
    assert!(
        said.contains("target/images/ox64-sd.img") && said.contains("just flash"),
        "it does not say what was made, and how it gets onto a card:\n{said}"
    );

    same_as_ours(&house, folder.path(), "target/images/ox64-sd.img");

    // The tutorial goes on with the kernel for QEMU. Its blocks are run literally in this tree, by `literal.rs`: with
    // the same bytes they show the same there.
    let tutorial = fs::read_to_string(house.join("docs/tutorial.md")).expect("the tutorial");
    let first = format!("\n    {line}\n    just build\n    just install\n");
    assert!(
        tutorial.contains(&first),
        "the tutorial gives other commands"
    );
    // Its card, by the tool for cards: `just build` would make every host tool a second time.
    let output = newcomer(folder.path(), "just image qemu-virt")
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "just image qemu-virt: {said}");
    same_as_ours(&house, folder.path(), "target/images/qemu-virt-sd.img");
}

/// Where the tree lies must not show in what is made of it.
#[track_caller]
fn same_as_ours(house: &Path, clone: &Path, file: &str) {
    let ours = fs::read(house.join(file))
        .unwrap_or_else(|_| panic!("{file} is missing: run `just build` first"));
    assert!(
        fs::read(clone.join(file)).expect("it was made") == ours,
        "the same tree made another {file}, or ours is older than the tree: run `just build` and `just image` again"
    );
}
