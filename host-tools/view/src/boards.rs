//! The list of boards.

use std::io::{self, Write};

use model::boards::{BoardList, BoardRow};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::words::{ExactSize, printable};

impl View for BoardList {
    /// One row per board.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut columns = Columns::new([
            ("board", ColumnSide::Left),
            ("hart", ColumnSide::Left),
            ("RAM", ColumnSide::Left),
            ("console", ColumnSide::Left),
            ("title", ColumnSide::Left),
        ]);
        for board in &self.0 {
            columns.row([
                printable(&board.name),
                hart(board),
                format!("{} at {:#x}", ExactSize(board.ram_bytes), board.ram_base),
                format!("{} at {} baud", board.uart, board.baud),
                printable(&board.title),
            ]);
        }
        columns.write(out, 0)
    }

    /// Schema `pagewalk.boards/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.boards/1")?;
        object.list("boards", self.0.iter().map(row))?;
        object.end()
    }

    /// One row per board.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        for board in &self.0 {
            rows.serialize(row(board))?;
        }
        rows.flush()
    }
}

fn hart(board: &BoardRow) -> String {
    let dialect = match board.dialect.as_str() {
        "none" => String::new(),
        dialect => format!(" {dialect}"),
    };
    format!("rv{} {}{dialect}", board.xlen, board.paging)
}

#[derive(Serialize)]
struct JsonBoard<'a> {
    name: &'a str,
    title: &'a str,
    xlen: u32,
    paging: &'a str,
    dialect: &'a str,
    ram_base: Hex<u64>,
    ram_size: u64,
    uart: &'a str,
    baud: u32,
}

fn row(board: &BoardRow) -> JsonBoard<'_> {
    JsonBoard {
        name: &board.name,
        title: &board.title,
        xlen: board.xlen,
        paging: &board.paging,
        dialect: &board.dialect,
        ram_base: Hex(board.ram_base),
        ram_size: board.ram_bytes,
        uart: &board.uart,
        baud: board.baud,
    }
}
