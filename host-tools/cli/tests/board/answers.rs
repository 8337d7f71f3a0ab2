//! What the board's shell answers, taken apart.
//!
//! These readers are not the ones of `pagewalk`: a proof that shared them would
//! share their mistakes.

/// A task as `ps` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub pid: u32,
    /// The command line it was started with.
    pub line: String,
}

/// The tasks of `ps`: a heading that begins with PID and ends with the command line's.
#[track_caller]
pub fn tasks(text: &str) -> Vec<Task> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("PID"));
    let heading = lines
        .next()
        .unwrap_or_else(|| panic!("no heading in {text:?}"));
    let columns = heading.split_whitespace().count();
    lines
        .filter_map(|line| {
            // A background task's words may have come between the lines.
            let words: Vec<&str> = line.split_whitespace().collect();
            let pid = words.first()?.parse().ok()?;
            (words.len() >= columns).then(|| Task {
                pid,
                line: words[columns - 1..].join(" "),
            })
        })
        .collect()
}

/// Free pages of the pool, as `free` says.
#[track_caller]
pub fn free_pages(text: &str) -> u64 {
    cell(text, "page:", "nfree")
}

/// A number in a table whose lines have names: where `row` and `column` meet.
#[track_caller]
fn cell(text: &str, row: &str, column: &str) -> u64 {
    let lower = text.to_lowercase();
    let heading: Vec<&str> = lower
        .lines()
        .map(|line| line.split_whitespace().collect())
        .find(|words: &Vec<&str>| words.contains(&column))
        .unwrap_or_else(|| panic!("no column {column} in {text:?}"));
    let at = heading
        .iter()
        .position(|word| *word == column)
        .expect("found above");
    let line = lower
        .lines()
        .find(|line| line.trim_start().starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no row {row} in {text:?}"));
    // The heading has no word above the rows' names.
    let value = line
        .split_whitespace()
        .nth(at + 1)
        .and_then(|word| word.parse().ok());
    value.unwrap_or_else(|| panic!("no number at {row}, {column} in {text:?}"))
}

/// A fault as the board prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: String,
    pub scause: u64,
    pub epc: u64,
    pub va: u64,
    pub task: Option<u32>,
    pub seq: u64,
    /// Who wanted what: `user write`.
    pub wanted: String,
    /// The kind of region: `heap`.
    pub class: String,
    /// How it ended: `zeroed`.
    pub outcome: String,
    pub frame: Option<u64>,
    pub cost: Option<u64>,
}

/// Every fault line in a text, other lines passed over.
#[track_caller]
pub fn faults(text: &str) -> Vec<Fault> {
    text.lines()
        .filter_map(|line| line.split_once("pagewalk: EXCEPTION: "))
        .map(|(_, rest)| fault(rest))
        .collect()
}

#[track_caller]
fn fault(line: &str) -> Fault {
    let (cause, rest) = line
        .split_once(". SCAUSE")
        .unwrap_or_else(|| panic!("no cause in {line:?}"));
    let rest = format!("SCAUSE{rest}");
    let parts: Vec<&str> = rest.trim_end().split(", ").collect();
    let named = |name: &str| {
        let value = parts
            .iter()
            .find_map(|part| part.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    let hex = |name: &str| {
        let value = named(name)?;
        Some(
            u64::from_str_radix(&value, 16)
                .unwrap_or_else(|_| panic!("{name} is no hex number in {line:?}")),
        )
    };
    let plain: Vec<&&str> = parts.iter().filter(|part| !part.contains(": ")).collect();
    let [wanted, class, outcome] = plain[..] else {
        panic!("not who, where and how in {line:?}")
    };
    let must = |name: &str| hex(name).unwrap_or_else(|| panic!("no {name} in {line:?}"));
    Fault {
        cause: cause.to_owned(),
        scause: must("SCAUSE"),
        epc: must("EPC"),
        va: must("STVAL"),
        task: named("task").and_then(|task| task.parse().ok()),
        seq: named("seq")
            .and_then(|seq| seq.parse().ok())
            .unwrap_or_else(|| panic!("no seq in {line:?}")),
        wanted: (*wanted).to_string(),
        class: (*class).to_string(),
        outcome: (*outcome).to_string(),
        frame: hex("frame"),
        cost: named("cost").and_then(|cost| cost.parse().ok()),
    }
}

/// The first number behind a word.
#[track_caller]
pub fn number_after(text: &str, word: &str) -> u64 {
    let rest = text
        .split_once(word)
        .unwrap_or_else(|| panic!("no {word:?} in {text:?}"))
        .1;
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number behind {word:?} in {text:?}"))
}

/// A line of the board's own fault table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub seq: u64,
    pub task: u32,
    pub scause: u64,
    pub epc: u64,
    pub va: u64,
    pub outcome: String,
    pub cost: u64,
}

/// The table of `faults`: its lines, and how many faults its heading counts.
#[track_caller]
pub fn fault_log(text: &str) -> (u64, Vec<Logged>) {
    let mut lines = text.lines().skip_while(|line| !line.contains(" forgotten"));
    let heading = lines
        .next()
        .unwrap_or_else(|| panic!("no heading in {text:?}"));
    let count = heading
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok());
    let count = count.unwrap_or_else(|| panic!("no count in {heading:?}"));
    (count, lines.skip(1).map(logged).collect())
}

#[track_caller]
fn logged(line: &str) -> Logged {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [
        seq,
        task,
        cause,
        _access,
        epc,
        va,
        _level,
        outcome @ ..,
        cost,
    ] = &words[..]
    else {
        panic!("not a line of the fault table: {line:?}")
    };
    let decimal = |word: &str| {
        word.parse()
            .unwrap_or_else(|_| panic!("{word:?} in {line:?}"))
    };
    let hex = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{word:?} in {line:?}"))
    };
    Logged {
        seq: decimal(seq),
        task: decimal(task) as u32,
        scause: decimal(cause),
        epc: hex(epc),
        va: hex(va),
        outcome: outcome.join(" "),
        // Not counted: the kernel's own copies.
        cost: if *cost == "-" { 0 } else { decimal(cost) },
    }
}
