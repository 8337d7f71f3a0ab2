//! What README and the pages show is what their commands print.
//!
//! A block fenced as `console` is run, line by line, from the top of the tree:
//!
//! ```text
//! $ command             in a shell; what follows is its output, stderr included
//! $ just run            the machine of that verb, from the Image that is built; then
//! pw> command           is typed at its prompt
//! …                     alone on a line stands for any number of lines
//! ```
//!
//! What a machine prints is compared without the digits of costs and of addresses: costs have their budgets in `figures`,
//! and addresses of code move with each change of a program. `just screens` writes the blocks again, for a diff to read.

#[expect(
    dead_code,
    unused_imports,
    reason = "of the machines one is booted and typed to"
)]
mod board;
#[expect(
    dead_code,
    reason = "pages are Markdown; sources are read by other tests"
)]
mod house;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use board::Qemu;
use house::{house, read};

/// The pages whose blocks are run.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![house().join("README.md"), house().join("docs/tutorial.md")];
    let how_to = fs::read_dir(house().join("docs/how-to")).expect("docs/how-to is there");
    pages.extend(how_to.map(|entry| entry.expect("an entry of it").path()));
    pages.sort();
    pages
}

/// A line of a block that is typed, and the lines that follow it.
struct Step {
    typed: String,
    shown: Vec<String>,
}

/// The steps of each console block of a page.
fn blocks(page: &str) -> Vec<Vec<Step>> {
    let mut blocks: Vec<Vec<Step>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```console";
            if inside {
                blocks.push(Vec::new());
            }
        } else if inside {
            let steps = blocks.last_mut().expect("a block has begun");
            if line.starts_with("$ ") || line.starts_with("pw> ") {
                steps.push(Step {
                    typed: line.to_owned(),
                    shown: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                step.shown.push(line.to_owned());
            }
        }
    }
    blocks
}

/// What each step of a block prints.
fn run(block: &[Step]) -> Vec<String> {
    let mut folder = house();
    let mut machine = None;
    let path = format!(
        "{}:{}",
        PathBuf::from(env!("CARGO_BIN_EXE_pagewalk"))
            .parent()
            .expect("a program lies in a folder")
            .display(),
        std::env::var("PATH").unwrap_or_default()
    );
    block
        .iter()
        .map(|step| match step.typed.split_once(' ') {
            Some(("$", "just run")) => {
                let booted = Qemu::with_image().counting().boot();
                let heard = String::from_utf8_lossy(booted.transcript()).replace('\r', "");
                machine = Some(booted);
                let from = heard.find("Pagewalk ").expect("the kernel says its name");
                heard[from..].trim_end_matches("pw> ").to_owned()
            }
            Some(("pw>", line)) => {
                let machine = machine.as_mut().expect("`just run` comes first");
                machine.run(line)
            }
            Some(("$", line)) if line.starts_with("cd ") => {
                folder = folder.join(&line[3..]);
                String::new()
            }
            Some((_, line)) => {
                let output = Command::new("sh")
                    .args(["-c", &format!("{{ {line}; }} 2>&1")])
                    .current_dir(&folder)
                    .env("PATH", &path)
                    .output()
                    .expect("a shell");
                String::from_utf8_lossy(&output.stdout).into_owned()
            }
            None => unreachable!("a step begins with `$ ` or `pw> `"),
        })
        .collect()
}

impl Step {
    /// A line as it is compared: of a machine without the digits of its addresses and costs.
    fn compared(&self, line: &str) -> String {
        if self.typed.starts_with("pw> ") || self.typed == "$ just run" {
            without_costs(line)
        } else {
            line.trim_end().to_owned()
        }
    }

    /// Whether the page shows what was printed.
    fn shows(&self, printed: &str) -> bool {
        let shown: Vec<_> = self.shown.iter().map(|it| self.compared(it)).collect();
        let printed: Vec<_> = printed.lines().map(|it| self.compared(it)).collect();
        is_as_shown(&shown, &printed)
    }
}

/// A line of a machine without what depends on where code lies and on what an idle hart had time for.
fn without_costs(line: &str) -> String {
    let mut words = line.split("0x");
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        out.push_str("0x");
        out.push_str(word.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    let is_fault = out
        .split_whitespace()
        .nth(2)
        .is_some_and(|cause| matches!(cause, "12" | "13" | "15"))
        && out.contains(" 0x");
    if is_fault {
        let end = out.trim_end_matches(|c: char| c.is_ascii_digit());
        return end.trim_end().to_owned();
    }
    if out.contains("instructions per touch") {
        return out.chars().filter(|c| !c.is_ascii_digit()).collect();
    }
    out.trim_end().to_owned()
}

/// Whether lines are as shown, where `…` stands for any number of them.
fn is_as_shown(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, _) => printed.iter().all(|line| line.is_empty()),
        (Some((first, rest)), _) if first == "…" => {
            (0..=printed.len()).any(|at| is_as_shown(rest, &printed[at..]))
        }
        (Some((first, rest)), Some((line, others))) => first == line && is_as_shown(rest, others),
        (Some(_), None) => shown.iter().all(|line| line.is_empty()),
    }
}

/// The page with what its commands print in the place of what it shows. Cuts (`…`) are kept where they still fit.
fn written_anew(page: &str, printed: &mut impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut steps: Vec<(Step, String)> = Vec::new();
    let flush = |steps: &mut Vec<(Step, String)>, out: &mut String| {
        for (step, text) in steps.drain(..) {
            out.push_str(&step.typed);
            out.push('\n');
            if step.shows(&text) {
                step.shown.iter().for_each(|line| {
                    out.push_str(line);
                    out.push('\n');
                });
            } else {
                out.push_str(text.trim_end());
                out.push('\n');
            }
        }
    };
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            flush(&mut steps, &mut out);
            inside = !inside && line.trim() == "```console";
        } else if inside {
            if line.starts_with("$ ") || line.starts_with("pw> ") {
                let step = Step {
                    typed: line.to_owned(),
                    shown: Vec::new(),
                };
                steps.push((step, printed.next().expect("one text for each step")));
            } else if let Some((step, _)) = steps.last_mut() {
                step.shown.push(line.to_owned());
            }
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[test]
fn every_page_shows_what_its_commands_print() {
    let mut wrong = String::new();
    let mut ran = 0;
    for path in pages() {
        let page = read(&path);
        let blocks = blocks(&page);
        let printed: Vec<Vec<String>> = blocks.iter().map(|block| run(block)).collect();
        if std::env::var_os("UPDATE").is_some() {
            let anew = written_anew(&page, &mut printed.into_iter().flatten());
            fs::write(&path, anew).expect("the page can be written");
            continue;
        }
        for (step, text) in blocks.iter().flatten().zip(printed.iter().flatten()) {
            ran += 1;
            if !step.shows(text) {
                let page = path.display();
                wrong += &format!("{page}: `{}` prints\n{text}\n", step.typed);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        ran > 10 || std::env::var_os("UPDATE").is_some(),
        "only {ran} commands were run"
    );
}

#[test]
fn the_machine_of_the_pages_is_that_of_just_run() {
    let verbs = read(&house().join("Justfile"));
    assert!(verbs.contains(
        "qemu-system-riscv64 -M virt -m 128M -smp 1 -icount shift=0 -nographic -kernel {{ images }}/Image"
    ));
}

#[test]
fn a_line_that_differs_is_seen_and_a_cut_is_not() {
    let own = |text: &[&str]| text.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert!(is_as_shown(
        &own(&["a", "…", "d"]),
        &own(&["a", "b", "c", "d"])
    ));
    assert!(!is_as_shown(&own(&["a", "…", "d"]), &own(&["a", "b", "c"])));
    assert!(!is_as_shown(&own(&["a"]), &own(&["a", "b"])));
    assert_eq!(
        without_costs("  1  2  15 write 0x0 0x8  0 zeroed   82"),
        "  1  2  15 write 0x 0x  0 zeroed"
    );
    assert_eq!(without_costs("frames 82"), "frames 82");
}
