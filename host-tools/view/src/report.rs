//! One self-contained page about a recording, for a bug report.
//!
//! It has no script and asks for no other file: what is on it can be mailed, and opens offline.

use std::fmt::Display;
use std::io::{self, Write};

use model::Faults;
use model::ledger::LedgerRow;

use crate::faults::{FaultCells, seconds, text};
use crate::words::counted;

/// Faults that are listed one by one; a page with more has totals, and the last of them.
pub const LISTED: usize = 10_000;
/// Faults at the end of a recording that has more than [`LISTED`].
const LAST: usize = 200;
/// Rows of a table of totals.
const TOP: usize = 50;

/// What the page shows.
pub struct ReportPage<'a> {
    /// Name of the recording.
    pub title: &'a str,
    /// Facts with their names: board, times, versions, build ids.
    pub facts: &'a [(String, String)],
    /// Totals, and the rows if they are few enough to be listed.
    pub faults: &'a Faults,
    /// All rows, in order.
    pub rows: &'a [LedgerRow],
    /// Symbolizes the address of an instruction.
    pub names: &'a dyn Fn(u64) -> Option<String>,
    /// Faults over time as SVG; empty without a time.
    pub chart: &'a str,
    /// The fault that ended it, and the walk of its address as text or why there is none.
    pub fatal: Option<(LedgerRow, String)>,
    /// Registers of the last crash that the board printed.
    pub crash: &'a [(&'static str, u64)],
    /// The last lines of text.
    pub console: &'a [String],
}

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;margin:.5em 0}td,th{padding:.1em .8em .1em 0;text-align:left;vertical-align:top}\
th{border-bottom:1px solid}td.n,th.n{text-align:right}pre,td.m{font-family:ui-monospace,monospace;font-size:13px}\
pre{overflow:auto;border-left:3px solid #8888;padding-left:1em}svg{max-width:100%;height:auto;background:#fff}\
.note{border-left:3px solid #d55e00;padding-left:1em}";

impl ReportPage<'_> {
    /// Writes the page.
    pub fn html(&self, out: &mut dyn Write) -> io::Result<()> {
        let title = escaped(self.title);
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}: page faults</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        )?;
        self.facts(out)?;
        self.fatal(out)?;
        if !self.chart.is_empty() {
            writeln!(out, "<h2>Faults over time</h2>\n{}", self.chart)?;
        }
        self.totals(out)?;
        self.list(out)?;
        if !self.console.is_empty() {
            let lines = self.console.iter().map(escaped);
            let lines: Vec<String> = lines.collect();
            writeln!(
                out,
                "<h2>Last lines of the console</h2>\n<pre>{}</pre>",
                lines.join("\n")
            )?;
        }
        writeln!(out, "</body></html>")
    }

    fn facts(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "<table>")?;
        for (name, value) in self.facts {
            writeln!(
                out,
                "<tr><th>{}</th><td>{}</td></tr>",
                escaped(name),
                escaped(value)
            )?;
        }
        writeln!(out, "</table>")
    }

    fn fatal(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some((row, walk)) = &self.fatal {
            writeln!(out, "<h2>The fault that ended it</h2>")?;
            head(out, true)?;
            self.row(out, row, true)?;
            writeln!(out, "</table>\n<pre>{}</pre>", escaped(walk))?;
        }
        if !self.crash.is_empty() {
            writeln!(out, "<h2>Registers of the last crash</h2>\n<table>")?;
            for registers in self.crash.chunks(4) {
                let cells = registers.iter().map(|(name, value)| {
                    format!("<th>{}</th><td class=m>{value:#x}</td>", escaped(name))
                });
                writeln!(out, "<tr>{}</tr>", cells.collect::<String>())?;
            }
            writeln!(out, "</table>")?;
        }
        Ok(())
    }

    fn totals(&self, out: &mut dyn Write) -> io::Result<()> {
        let faults = self.faults;
        writeln!(out, "<h2>Totals</h2>")?;
        let causes = faults.by_cause().into_iter();
        let causes = causes.map(|(cause, count)| (count, cause.to_string()));
        total(out, "Cause", causes.collect())?;
        let tasks = faults.by_task().into_iter();
        let tasks = tasks.map(|(task, count)| (count, text(task)));
        total(out, "Task", tasks.collect())?;
        let pages = faults.by_page().into_iter().map(|(page, count)| {
            let task = page
                .task
                .map_or(String::new(), |task| format!(", task {task}"));
            (count, format!("{:#x}{task}", page.address))
        });
        total(out, "Page", pages.collect())
    }

    fn list(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = self.rows;
        writeln!(out, "<h2>Faults</h2>")?;
        if rows.len() > LISTED {
            writeln!(
                out,
                "<p class=note>The recording has {}: above {LISTED} this page has their totals, and lists the last \
                 {LAST}. <code>pagewalk export --csv</code> has each.</p>",
                counted(rows.len() as u64, "fault", "faults")
            )?;
            rows = &rows[rows.len() - LAST..];
        }
        let has_boots = self.faults.boots() > 1;
        head(out, has_boots)?;
        for row in rows {
            self.row(out, row, has_boots)?;
        }
        writeln!(out, "</table>")
    }

    fn row(&self, out: &mut dyn Write, row: &LedgerRow, has_boots: bool) -> io::Result<()> {
        let cells = FaultCells::of(row, self.names);
        write!(out, "<tr>")?;
        if has_boots {
            write!(out, "<td class=n>{}", cells.boot)?;
        }
        let (seq, time, task) = (
            text(cells.seq),
            text(cells.time_us.map(seconds)),
            text(cells.task),
        );
        write!(
            out,
            "<td class=n>{seq}<td class=n>{time}<td class=n>{task}<td>{}",
            cells.text
        )?;
        write!(
            out,
            "<td>{}<td class=m>{}<td class=m>{}",
            text(cells.access),
            cells.address,
            cells.epc
        )?;
        let function = escaped(text(cells.function));
        writeln!(
            out,
            "<td>{function}<td>{}<td>{}</tr>",
            text(cells.region),
            text(cells.outcome)
        )
    }
}

fn head(out: &mut dyn Write, has_boots: bool) -> io::Result<()> {
    let boot = if has_boots { "<th class=n>Boot" } else { "" };
    writeln!(
        out,
        "<table><tr>{boot}<th class=n>Number<th class=n>Seconds<th class=n>Task<th>Cause<th>Access<th>Address\
         <th>Instruction<th>Function<th>Region<th>Outcome</tr>"
    )
}

/// A table of totals; what is left out is counted in a last row.
fn total(out: &mut dyn Write, what: &str, rows: Vec<(u64, String)>) -> io::Result<()> {
    writeln!(out, "<table><tr><th class=n>Faults<th>{what}</tr>")?;
    for (count, name) in rows.iter().take(TOP) {
        writeln!(out, "<tr><td class=n>{count}<td>{}</tr>", escaped(name))?;
    }
    if let Some(rest) = rows.get(TOP..).filter(|rest| !rest.is_empty()) {
        let sum: u64 = rest.iter().map(|(count, _)| count).sum();
        writeln!(out, "<tr><td class=n>{sum}<td>in {} more</tr>", rest.len())?;
    }
    writeln!(out, "</table>")
}

/// Text of a board as text of a page; control characters are replaced.
fn escaped(text: impl Display) -> String {
    let mut safe = String::new();
    for c in text.to_string().chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Sighting};
    use model::Ledger;

    use super::*;

    fn page(count: u64) -> String {
        let mut ledger = Ledger::default();
        for seq in 0..count {
            ledger.add(Sighting {
                seq: Some(seq),
                time_us: Some(seq * 1000),
                fault: Fault {
                    cause: 13,
                    va: seq << 12,
                    task: 2,
                    ..Fault::EMPTY
                },
            });
        }
        let faults = Faults::from(ledger);
        let mut html = Vec::new();
        let page = ReportPage {
            title: "<script>alert(1)</script>",
            facts: &[("Board".to_owned(), "a & b".to_owned())],
            rows: faults.all(),
            faults: &faults,
            names: &|_| Some("f<T>".to_owned()),
            chart: "",
            fatal: None,
            crash: &[("sp", 16)],
            console: &["\u{1b}[31m<b>".to_owned()],
        };
        page.html(&mut html).unwrap();
        String::from_utf8(html).unwrap()
    }

    #[test]
    fn text_of_a_board_is_text_and_the_page_needs_nothing_else() {
        let html = page(3);
        assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains('\u{1b}'));
        assert!(html.contains("a &amp; b") && html.contains("f&lt;T&gt;"));
        for outside in ["http:", "https:", "src=", "href=", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_long_recording_is_totalled_and_the_page_says_so() {
        let few = page(LISTED as u64);
        let many = page(LISTED as u64 * 3);
        assert!(!few.contains("class=note"));
        assert!(many.contains("The recording has 30000 faults"));
        assert!(many.len() < 100_000, "{}", many.len());
        assert!(few.len() < 2_000_000, "{}", few.len());
    }
}
