//! What `pagewalk` finds in a Linux guest's memory, beside what the guest's own /proc says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A task as /proc has it.
#[derive(Debug, Default)]
pub struct ProcTask {
    pub comm: String,
    /// First address, end and name of each mapping.
    pub maps: Vec<(u64, u64, String)>,
    /// Frame of each resident page, by address.
    pub pages: BTreeMap<u64, u64>,
}

/// The tasks in what the guest printed.
pub fn tasks(printed: &str) -> BTreeMap<u64, ProcTask> {
    let mut tasks: BTreeMap<u64, ProcTask> = BTreeMap::new();
    let hex = |digits: &str| u64::from_str_radix(digits, 16).expect("an address");
    for line in printed.lines() {
        let Some(said) = line.trim_end().strip_prefix("linux: ") else {
            continue;
        };
        let mut words = said.splitn(3, ' ');
        let (Some(kind), Some(pid), Some(rest)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let task = tasks.entry(pid.parse().expect("a pid")).or_default();
        let mut fields = rest.split_whitespace();
        match kind {
            "task" => task.comm = rest.to_owned(),
            "map" => {
                let ends = fields.next().and_then(|it| it.split_once('-'));
                let (from, end) = ends.expect("START-END");
                let name = fields.nth(4).unwrap_or_default();
                task.maps.push((hex(from), hex(end), name.to_owned()));
            }
            "page" => {
                let (at, frame) = (fields.next(), fields.next());
                let page = at.zip(frame).expect("ADDRESS FRAME");
                task.pages.insert(hex(page.0), hex(page.1));
            }
            _ => {}
        }
    }
    tasks
}

fn json(program: &Path, words: &[&str], source: &[&str]) -> Value {
    let ran = Command::new(program)
        .args(words)
        .args(source)
        .args(["--format", "json"])
        .env("PAGEWALK_CONFIG", "")
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {told}");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

fn number(value: &Value) -> u64 {
    let text = value.as_str().expect("hexadecimal as text");
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number")
}

/// Compares `ps`, `map --task` with its names, and `roots` with what /proc said; answers how many pages were compared.
pub fn compare(program: &Path, source: &[&str], printed: &str) -> usize {
    let proc = tasks(printed);
    assert!(proc.len() >= 5, "the guest said too little: {printed}");
    let ps = json(program, &["ps"], source);
    let rows = ps["tasks"].as_array().expect("tasks");
    let roots = json(program, &["roots"], source);
    let roots = roots["roots"].as_array().expect("roots");
    let mut compared = 0;
    for (pid, task) in &proc {
        let row = rows.iter().find(|row| row["pid"] == *pid);
        let row = row.unwrap_or_else(|| panic!("ps has no task {pid}"));
        assert_eq!(row["command"], *task.comm, "task {pid}");
        let satp = number(&row["satp"]);
        if task.maps.is_empty() {
            assert_eq!((satp, &row["state"]), (0, &Value::from("zombie")), "{pid}");
            continue;
        }
        let table = (satp & ((1 << 44) - 1)) << 12;
        let root = roots.iter().find(|root| number(&root["root_pa"]) == table);
        let root = root.unwrap_or_else(|| panic!("roots has not that of task {pid}"));
        assert_eq!(root["stale"], Value::Null, "task {pid}");
        compared += mappings(program, source, *pid, task);
    }
    compared
}

/// Every resident page of a task: where it is, and the name of its mapping.
fn mappings(program: &Path, source: &[&str], pid: u64, task: &ProcTask) -> usize {
    let words = ["map", "--user", "--merge", "none", "--task"];
    let pid_text = pid.to_string();
    let map = json(program, &[&words[..], &[&pid_text]].concat(), source);
    let mut mapped = BTreeMap::new();
    for range in map["ranges"].as_array().expect("ranges") {
        let name = range["name"].as_str().unwrap_or_default();
        let place = (number(&range["pa"]) >> 12, name.to_owned());
        mapped.insert(number(&range["va"]), place);
    }
    for (at, frame) in &task.pages {
        let found = mapped.get(at);
        let (pa, name) = found.unwrap_or_else(|| panic!("task {pid}: {at:#x} is not mapped"));
        assert_eq!(pa, frame, "task {pid}: {at:#x}");
        let of = task
            .maps
            .iter()
            .find(|(from, end, _)| (from..end).contains(&at));
        assert_eq!(of.map(|it| &it.2), Some(name), "task {pid}: {at:#x}");
    }
    // The first task goes on while it prints; of the others nothing more is resident.
    if pid != 1 {
        assert_eq!(mapped.len(), task.pages.len(), "task {pid}");
    }
    task.pages.len()
}
