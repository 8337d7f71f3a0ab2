//! The walls of the house, held up by reading manifests and sources.
//!
//! Every room has a row that says whom it may import: only floors above its own. Cargo refuses circles, but not a
//! door that opens the wrong way. To add a room, add a row; to add a door, think first.

#[path = "house/imports.rs"]
mod file_imports;
mod house;

use std::collections::BTreeSet;

use house::{house, read, sources};
use toml::Table;

/// A room, and whom of ours it may import.
struct Room {
    folder: &'static str,
    floor: u8,
    /// In the program itself.
    imports: &'static [&'static str],
    /// Besides those, while it is built or tested.
    while_built: &'static [&'static str],
}

const fn room(
    folder: &'static str,
    floor: u8,
    imports: &'static [&'static str],
    while_built: &'static [&'static str],
) -> Room {
    Room {
        folder,
        floor,
        imports,
        while_built,
    }
}

#[rustfmt::skip]
const ROOMS: &[Room] = &[
    room("kernel/shared/pagetable", 0, &[], &[]),
    room("kernel/shared/romfs",     0, &[], &[]),
    room("boards",                  0, &[], &[]),
    room("host-tools/container",    0, &[], &[]),
    room("images",                  1, &["boards"], &[]),
    room("kernel/shared/plan",      1, &["pagetable"], &[]),
    room("kernel/shared/abi",       1, &["pagetable"], &[]),
    room("kernel/sim",              1, &["pagetable"], &[]),
    room("kernel/shared/wire",      2, &["abi", "pagetable"], &[]),
    room("host-tools/model",        2, &["pagetable", "abi"], &[]),
    room("kernel/user",             2, &["abi"], &[]),
    room("kernel",                  3, &["abi", "pagetable", "plan", "romfs", "wire"], &["boards", "sim"]),
    room("host-tools/link",         3, &["wire", "abi", "pagetable", "container"], &[]),
    room("host-tools/view",         3, &["model", "pagetable", "abi"], &[]),
    room("host-tools/pack",         3, &["romfs", "boards", "images", "model",
                                         "container"], &[]),
    room("host-tools/machine",      4, &["boards", "pack", "pagetable"], &[]),
    room("host-tools/cli",          5, &["abi", "pagetable", "plan", "romfs", "wire", "boards", "images",
                                         "model", "link", "view", "pack", "machine",
                                         "container"], &[]),
];

/// Where `unsafe` may stand, and nowhere else.
const UNSAFE: &[&str] = &[
    "kernel/src/arch/",
    // A program's own: the system call, its entry, and touching what must fault.
    "kernel/user/src/sys.rs",
    "kernel/user/src/lib.rs",
];

/// The kernel's modules that are given the machine and never name it.
const PURE: &[&str] = &["mm", "fault", "task", "drivers", "debug"];

fn manifest(folder: &str) -> Table {
    let path = house().join(folder).join("Cargo.toml");
    read(&path)
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A room's name: the last word of its folder, which is the name of its package.
fn name(folder: &str) -> &str {
    folder.rsplit('/').next().expect("a path has a last word")
}

/// The room of a package: what is published has a name of ours in front.
fn room_of(package: &str) -> &str {
    package.strip_prefix("pagewalk-").unwrap_or(package)
}

/// What a manifest imports of ours, by the names of packages: in the program, and while built or tested.
fn imports(manifest: &Table) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut always, mut built) = (BTreeSet::new(), BTreeSet::new());
    let mut tables = vec![manifest];
    // What a manifest says of one target only is an import all the same.
    let targets = manifest
        .get("target")
        .and_then(|targets| targets.as_table());
    tables.extend(
        targets
            .into_iter()
            .flat_map(|targets| targets.values().filter_map(|target| target.as_table())),
    );
    for table in tables {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let into = if kind == "dependencies" {
                &mut always
            } else {
                &mut built
            };
            let Some(list) = table.get(kind).and_then(|list| list.as_table()) else {
                continue;
            };
            for (key, value) in list {
                let package = value.get("package").and_then(|package| package.as_str());
                let package = room_of(package.unwrap_or(key));
                if ROOMS.iter().any(|room| name(room.folder) == package) {
                    into.insert(package.to_owned());
                }
            }
        }
    }
    (always, built)
}

/// The rule that a room breaks, in words; `None` where it keeps to its row.
fn broken(room: &Room, manifest: &Table) -> Option<String> {
    let (always, built) = imports(manifest);
    let may = |import: &String| room.imports.contains(&import.as_str());
    // A crate's tests may ask for a feature of its own.
    let is_own = |import: &String| import == name(room.folder);
    let may_built = |import: &String| {
        may(import) || is_own(import) || room.while_built.contains(&import.as_str())
    };
    let wrong = always
        .iter()
        .find(|import| !may(import))
        .or(built.iter().find(|import| !may_built(import)))?;
    let row = [room.imports, room.while_built].concat().join(", ");
    Some(format!(
        "{} imports {wrong}; its row in doors.rs allows: {row}",
        room.folder
    ))
}

/// The lines, from 1, on which a word of code stands: not in a comment, not in a string on its line.
fn lines_with(word: &str, source: &str) -> Vec<usize> {
    let has = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let outside = code.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        outside
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|found| found == word)
    };
    source
        .lines()
        .enumerate()
        .filter(|(_, line)| has(line))
        .map(|(at, _)| at + 1)
        .collect()
}

#[test]
fn every_room_imports_only_what_its_row_allows() {
    let wrong: Vec<_> = ROOMS
        .iter()
        .filter_map(|room| broken(room, &manifest(room.folder)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_has_a_row_and_every_row_a_room() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list");
    let members: BTreeSet<_> = members
        .iter()
        .map(|member| member.as_str().expect("a folder"))
        .collect();
    let rows: BTreeSet<_> = ROOMS.iter().map(|room| room.folder).collect();
    assert_eq!(members, rows);
    for folder in rows {
        let package = manifest(folder)["package"]["name"]
            .as_str()
            .map(str::to_owned);
        assert_eq!(
            package.as_deref().map(room_of),
            Some(name(folder)),
            "a package is called as its folder, with pagewalk- before it where it is published"
        );
    }
}

#[test]
fn no_row_looks_down() {
    let floor = |package: &str| {
        let room = ROOMS.iter().find(|room| name(room.folder) == package);
        room.unwrap_or_else(|| panic!("{package} has a row")).floor
    };
    for room in ROOMS {
        for import in room.imports.iter().chain(room.while_built) {
            assert!(
                floor(import) < room.floor,
                "{} looks down at {import}",
                room.folder
            );
        }
    }
}

#[test]
fn a_door_that_opens_the_wrong_way_is_seen() {
    let row = |folder| {
        ROOMS
            .iter()
            .find(|room| room.folder == folder)
            .expect("a row")
    };
    let wire = row("kernel/shared/wire");
    for manifest in [
        "[dependencies]\nmodel.workspace = true",
        "[dependencies]\nmodel = { path = '../../../host-tools/model' }",
        "[dev-dependencies]\nmodel.workspace = true",
        "[build-dependencies]\nmodel.workspace = true",
        "[target.'cfg(unix)'.dependencies]\nmodel.workspace = true",
        "[dependencies]\nm = { package = 'model', path = 'x' }",
    ] {
        let answer = broken(wire, &manifest.parse().expect("a manifest")).expect("it is seen");
        assert!(
            answer.contains("kernel/shared/wire imports model"),
            "{answer}"
        );
    }
    let built = "[build-dependencies]\nboards.workspace = true"
        .parse()
        .expect("a manifest");
    let always = "[dependencies]\nboards.workspace = true"
        .parse()
        .expect("a manifest");
    assert_eq!(broken(row("kernel"), &built), None);
    assert!(broken(row("kernel"), &always).is_some());
}

#[test]
fn the_pure_half_of_the_kernel_never_names_arch() {
    for module in PURE {
        let sources = sources(&format!("kernel/src/{module}"));
        assert!(!sources.is_empty(), "kernel/src/{module} is not there");
        for (path, source) in sources {
            // A crate has a module of that name, too.
            let source = source.replace("gdbstub::arch", "gdbstub");
            let lines = lines_with("arch", &source);
            assert!(
                lines.is_empty(),
                "{path}:{}: {module} names arch; it is given the machine",
                lines[0]
            );
        }
    }
}

#[test]
fn unsafe_stands_in_arch_only() {
    let mut read = 0;
    for folder in house::ROOMS {
        for (path, source) in sources(folder) {
            read += 1;
            let lines = lines_with("unsafe", &source);
            let may = UNSAFE.iter().any(|place| path.starts_with(place));
            assert!(
                may || lines.is_empty(),
                "{path}:{}: unsafe outside {}",
                lines[0],
                UNSAFE.join(", ")
            );
        }
    }
    assert!(read > 20, "only {read} sources were found");
}

#[test]
fn shared_rooms_have_neither_unsafe_nor_an_operating_system() {
    for room in ROOMS
        .iter()
        .filter(|room| room.folder.starts_with("kernel/shared/"))
    {
        let lib = read(&house().join(room.folder).join("src/lib.rs"));
        assert!(
            lib.contains("#![forbid(unsafe_code)]"),
            "{} forbids unsafe code",
            room.folder
        );
        assert!(lib.contains("no_std"), "{} is no_std", room.folder);
    }
}

#[test]
fn words_are_found_in_code_and_not_beside_it() {
    let source = "use crate::arch::csr;\n// arch\nlet a = \"arch\";\n#[cfg(target_arch = \"x\")]\nuse super::{arch, mm};";
    assert_eq!(lines_with("arch", source), [1, 5]);
}

/// The Rust files of a room's program, by their paths below `src/`; tests left out.
fn files(folder: &str) -> Vec<(String, String)> {
    let begin = format!("{folder}/src/");
    let is_test = |path: &str| {
        path.split('/')
            .any(|part| part.trim_end_matches(".rs") == "tests")
    };
    sources(&format!("{folder}/src"))
        .into_iter()
        .filter_map(|(path, source)| Some((path.strip_prefix(&begin)?.to_owned(), source)))
        .filter(|(path, _)| !is_test(path))
        .collect()
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    let mut wrong = Vec::new();
    for room in ROOMS {
        let files = files(room.folder);
        let imports = file_imports::imports(&files);
        let taken: usize = imports.values().map(BTreeSet::len).sum();
        assert!(
            taken > 0 || files.len() < 8,
            "{}: no import was read",
            room.folder
        );
        for circle in file_imports::circles(&imports) {
            let ties = circle.iter().flat_map(|from| {
                let to = imports[from].iter().filter(|to| circle.contains(to));
                to.map(move |to| format!("\n    {from} imports {to}"))
            });
            wrong.push(format!(
                "{}: a circle of files:{}",
                room.folder,
                ties.collect::<String>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_of_files_is_seen_however_it_is_written() {
    let circles = |files: &[(&str, &str)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        file_imports::circles(&file_imports::imports(&files))
    };
    let root = ("lib.rs", "mod a;\nmod b;\nmod c;\n");
    for (a, b) in [
        ("use crate::b::B;", "use crate::a::A;"),
        (
            "use super::b;\nfn f() { b::g(); }",
            "use super::a::{self, A};",
        ),
        (
            "use super::{\n    b::B as Other,\n};",
            "fn f(_: super::a::A) {}",
        ),
        (
            "fn f() -> crate::b::B { todo }",
            "pub use crate::a::A;\nstruct S(A);",
        ),
    ] {
        assert_eq!(
            circles(&[root, ("a.rs", a), ("b.rs", b), ("c.rs", "")]),
            [["a.rs", "b.rs"]],
            "{a}"
        );
    }
    // Indirectly, and by a name that a folder re-exports.
    let corner = [
        root,
        ("a/mod.rs", "mod inner;\npub use inner::Inner;"),
        ("a/inner.rs", "use crate::b::B;"),
        ("b.rs", "use crate::c::C;"),
        ("c.rs", "use crate::a::Inner;"),
    ];
    assert_eq!(circles(&corner), [["a/inner.rs", "b.rs", "c.rs"]]);
    // What is no circle: tests, comments, strings, other crates, a folder and its own rooms.
    let none: [&[(&str, &str)]; 4] = [
        &[
            root,
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
        ],
        &[
            root,
            ("a.rs", "use crate::b::B;"),
            (
                "b.rs",
                "// use crate::a::A;\nconst S: &str = \"crate::a::A\";",
            ),
        ],
        &[
            root,
            ("a.rs", "use crate::b::Map;"),
            ("b.rs", "pub use std::a::Map;"),
        ],
        &[
            root,
            (
                "a/mod.rs",
                "mod inner;\nfn f() { inner::g() }\npub struct A;",
            ),
            ("a/inner.rs", "use super::A;"),
        ],
    ];
    for files in none {
        assert_eq!(circles(files), [] as [[&str; 0]; 0], "{files:?}");
    }
}
