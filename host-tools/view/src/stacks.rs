//! Stacks of tasks.

use std::io::{self, Write};

use model::{StackCall, StackList, TaskStack};
use serde::Serialize;

use crate::View;
use crate::json::{Hex, JsonObject};
use crate::words;

impl View for StackList {
    /// A line for each task, and one for each of its calls, the innermost first.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for task in &self.0 {
            let name = words::printable(&task.name);
            writeln!(out, "{} {name}: {}", task.pid, task.state)?;
            for (number, call) in task.calls.iter().enumerate() {
                let (function, line) = (function(call), line(call));
                let text = format!("  #{number:<2} {:#018x}  {function}  {line}", call.at);
                writeln!(out, "{}", text.trim_end())?;
            }
        }
        Ok(())
    }

    /// Schema `pagewalk.stacks/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.stacks/1")?;
        object.list("tasks", self.0.iter().map(JsonStack::of))?;
        object.end()
    }

    /// One row per call.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record(["pid", "command", "state", "call", "at", "function", "line"])?;
        for task in &self.0 {
            for (number, call) in task.calls.iter().enumerate() {
                lines.write_record([
                    task.pid.to_string(),
                    task.name.clone(),
                    task.state.to_owned(),
                    number.to_string(),
                    format!("{:#x}", call.at),
                    function(call),
                    line(call),
                ])?;
            }
        }
        lines.flush()
    }
}

/// `function+0x10`; empty if not known. Its name is text of the target, which goes to a terminal.
fn function(call: &StackCall) -> String {
    let named = call.function.as_ref();
    named.map_or_else(String::new, |(name, offset)| {
        format!("{}+{offset:#x}", words::printable(name))
    })
}

/// `file:line`; empty if not known.
fn line(call: &StackCall) -> String {
    let known = call.line.as_ref();
    known.map_or_else(String::new, |(file, number)| {
        format!("{}:{number}", words::printable(file))
    })
}

#[derive(Serialize)]
struct JsonStack<'a> {
    pid: u64,
    state: &'a str,
    command: &'a str,
    calls: Vec<JsonCall<'a>>,
}

#[derive(Serialize)]
struct JsonCall<'a> {
    at: Hex<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl<'a> JsonStack<'a> {
    fn of(task: &'a TaskStack) -> JsonStack<'a> {
        let calls = task.calls.iter().map(|call| JsonCall {
            at: Hex(call.at),
            function: call.function.as_ref().map(|(name, _)| &name[..]),
            offset: call.function.as_ref().map(|(_, offset)| *offset),
            file: call.line.as_ref().map(|(file, _)| &file[..]),
            line: call.line.as_ref().map(|(_, number)| *number),
        });
        JsonStack {
            pid: task.pid,
            state: task.state,
            command: &task.name,
            calls: calls.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_a_name_is_an_address() {
        let list = StackList(vec![TaskStack {
            pid: 7,
            state: "sleeping",
            name: "cat".to_owned(),
            calls: vec![
                StackCall {
                    at: 0x8000_2000,
                    function: Some(("sched".to_owned(), 0x66)),
                    line: Some(("kernel/proc.c".to_owned(), 476)),
                },
                StackCall {
                    at: 0x8000_3000,
                    function: None,
                    line: None,
                },
            ],
        }]);
        let mut out = Vec::new();
        list.table(&mut out).unwrap();
        let expected = "7 cat: sleeping\n  #0  0x0000000080002000  sched+0x66  kernel/proc.c:476\n  #1  0x0000000080003000\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
