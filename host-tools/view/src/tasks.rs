//! The task table of a target.

use std::io::{self, Write};

use model::{TaskList, TaskRow};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::words;

impl View for TaskList {
    /// One row per task; with processes and harts where the target says them.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.iter().any(|task| task.process.is_some()) {
            return threads(self, out);
        }
        let mut columns = Columns::new([
            ("pid", ColumnSide::Right),
            ("state", ColumnSide::Left),
            ("resident", ColumnSide::Right),
            ("tables", ColumnSide::Right),
            ("faults", ColumnSide::Right),
            ("satp", ColumnSide::Left),
            ("command", ColumnSide::Left),
        ]);
        for task in &self.0 {
            columns.row([
                task.pid.to_string(),
                task.state.to_owned(),
                size(task.resident_bytes),
                size(task.table_bytes),
                known(task.faults),
                satp(task),
                words::printable(&task.line),
            ]);
        }
        columns.write(out, 0)
    }

    /// Schema `pagewalk.tasks/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.tasks/1")?;
        let items = self.0.iter().map(|task| JsonTask {
            pid: task.pid,
            state: task.state,
            satp: Hex(task.satp),
            resident: task.resident_bytes,
            tables: task.table_bytes,
            faults: task.faults,
            process: task.process,
            hart: task.hart,
            command: &task.line,
        });
        object.list("tasks", items)?;
        object.end()
    }

    /// One row per task.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record([
            "pid", "state", "satp", "resident", "tables", "faults", "command", "process", "hart",
        ])?;
        for task in &self.0 {
            lines.write_record([
                task.pid.to_string(),
                task.state.to_owned(),
                format!("{:#x}", task.satp),
                known(task.resident_bytes),
                known(task.table_bytes),
                known(task.faults),
                task.line.clone(),
                known(task.process),
                known(task.hart),
            ])?;
        }
        lines.flush()
    }
}

/// With the process of each thread and the hart that it is on.
fn threads(list: &TaskList, out: &mut dyn Write) -> io::Result<()> {
    let mut columns = Columns::new([
        ("pid", ColumnSide::Right),
        ("process", ColumnSide::Right),
        ("hart", ColumnSide::Right),
        ("state", ColumnSide::Left),
        ("resident", ColumnSide::Right),
        ("tables", ColumnSide::Right),
        ("faults", ColumnSide::Right),
        ("satp", ColumnSide::Left),
        ("command", ColumnSide::Left),
    ]);
    for task in &list.0 {
        columns.row([
            task.pid.to_string(),
            known(task.process),
            task.hart
                .map_or_else(|| "-".to_owned(), |hart| hart.to_string()),
            task.state.to_owned(),
            size(task.resident_bytes),
            size(task.table_bytes),
            known(task.faults),
            satp(task),
            words::printable(&task.line),
        ]);
    }
    columns.write(out, 0)
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| words::ExactSize(bytes).to_string())
}

fn known(count: Option<u64>) -> String {
    count.map_or_else(String::new, |count| count.to_string())
}

fn satp(task: &TaskRow) -> String {
    match task.satp {
        0 => "-".to_owned(),
        satp => format!("{satp:#x}"),
    }
}

#[derive(Serialize)]
struct JsonTask<'a> {
    pid: u64,
    state: &'a str,
    satp: Hex<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hart: Option<u64>,
    command: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_speak_to_the_terminal() {
        let task = TaskRow {
            pid: 2,
            state: "ready",
            satp: 8 << 60 | 0x8_0123,
            resident_bytes: Some(8192),
            table_bytes: Some(12_288),
            faults: Some(3),
            process: Some(2),
            hart: None,
            line: "spin \u{1b}[31m".into(),
        };
        let mut out = Vec::new();
        TaskList(vec![task]).table(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("process  hart"), "{out}");
        assert!(
            out.contains("spin \u{fffd}[31m") && !out.contains('\u{1b}'),
            "{out}"
        );
    }
}
