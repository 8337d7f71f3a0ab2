//! Parquet: a folder with a file for each board and day, `board=ox64/date=2026-11-27/run.parquet`.
//!
//! Board and date are in the path, as Hive has it, and no column repeats them: DuckDB, Polars and Spark add
//! them. A row is a fault; its columns are those of CSV, and `received` and `hart`. The schema is a promise:
//! columns may be added, and none changes its name, type or meaning.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use model::Faults;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Export, ExportOutput, ExportedFault};
use crate::faults::FaultCells;

/// Columns of a file.
pub const SCHEMA: &str = "message fault {
    optional int64 received (TIMESTAMP(MICROS,true));
    required int32 boot (INTEGER(32,false));
    optional int64 seq (INTEGER(64,false));
    optional int64 time_us (INTEGER(64,false));
    optional int32 task (INTEGER(16,false));
    required int32 cause (INTEGER(8,false));
    required binary text (STRING);
    optional binary source (STRING);
    optional binary access (STRING);
    required int64 address (INTEGER(64,false));
    required int64 epc (INTEGER(64,false));
    optional binary function (STRING);
    optional binary region (STRING);
    optional binary outcome (STRING);
    optional int32 level (INTEGER(8,false));
    optional int64 entry (INTEGER(64,false));
    optional int64 frame (INTEGER(64,false));
    optional int64 satp (INTEGER(64,false));
    optional int32 cost (INTEGER(32,false));
    required int32 hart (INTEGER(16,false));
}";

/// Rows in a group: about ten megabytes before compression.
const GROUP: usize = 1 << 16;

/// Values of a column, and for an optional one, 1 where there is one and 0 where there is none.
#[derive(Default)]
struct Column<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Column<T> {
    fn push(&mut self, value: impl Into<Option<T>>) {
        let value = value.into();
        self.levels.push(value.is_some().into());
        self.values.extend(value);
    }

    fn write<D: DataType<T = T>>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
    ) -> Result<(), ParquetError> {
        let Some(mut column) = group.next_column()? else {
            return Err(ParquetError::General("more columns than the schema".into()));
        };
        // A required column ignores the levels.
        let is_required = self.levels.iter().all(|level| *level == 1);
        let typed = column.typed::<D>();
        let is_optional = typed.get_descriptor().max_def_level() > 0;
        if !is_optional && !is_required {
            return Err(ParquetError::General(
                "a required column lacks a value".into(),
            ));
        }
        let levels = is_optional.then_some(&self.levels[..]);
        typed.write_batch(&self.values, levels, None)?;
        column.close()?;
        self.values.clear();
        self.levels.clear();
        Ok(())
    }
}

/// The columns, by type: numbers of the manual's widths are stored in Parquet's signed ones.
#[derive(Default)]
struct Rows {
    count: usize,
    received: Column<i64>,
    boot: Column<i32>,
    seq: Column<i64>,
    time_us: Column<i64>,
    task: Column<i32>,
    cause: Column<i32>,
    text: Column<ByteArray>,
    source: Column<ByteArray>,
    access: Column<ByteArray>,
    address: Column<i64>,
    epc: Column<i64>,
    function: Column<ByteArray>,
    region: Column<ByteArray>,
    outcome: Column<ByteArray>,
    level: Column<i32>,
    entry: Column<i64>,
    frame: Column<i64>,
    satp: Column<i64>,
    cost: Column<i32>,
    hart: Column<i32>,
}

impl Rows {
    fn push(&mut self, fault: &ExportedFault<'_>) {
        let text = |text: Option<Cow<'static, str>>| text.map(byte_array);
        let cells = FaultCells::of(fault.row, &|_| fault.function.map(str::to_owned));
        self.count += 1;
        self.received.push(fault.received_us.map(u64::cast_signed));
        self.boot.push(cells.boot.cast_signed());
        self.seq.push(cells.seq.map(u64::cast_signed));
        self.time_us.push(cells.time_us.map(u64::cast_signed));
        self.task.push(cells.task.map(i32::from));
        self.cause.push(i32::from(cells.cause));
        self.text.push(byte_array(cells.text));
        self.source.push(text(cells.source));
        self.access.push(text(cells.access));
        self.address.push(cells.address.0.cast_signed());
        self.epc.push(cells.epc.0.cast_signed());
        self.function.push(text(cells.function.map(Cow::Owned)));
        self.region.push(text(cells.region));
        self.outcome.push(text(cells.outcome));
        self.level.push(cells.level.map(i32::from));
        self.entry.push(cells.entry.map(|it| it.0.cast_signed()));
        self.frame.push(cells.frame.map(|it| it.0.cast_signed()));
        self.satp.push(cells.satp.map(|it| it.0.cast_signed()));
        self.cost.push(cells.cost.map(u32::cast_signed));
        self.hart.push(i32::from(fault.row.sighting.fault.hart));
    }

    /// Writes the columns, in the order of the schema.
    fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
    ) -> Result<(), ParquetError> {
        self.received.write::<Int64Type>(group)?;
        self.boot.write::<Int32Type>(group)?;
        self.seq.write::<Int64Type>(group)?;
        self.time_us.write::<Int64Type>(group)?;
        self.task.write::<Int32Type>(group)?;
        self.cause.write::<Int32Type>(group)?;
        self.text.write::<ByteArrayType>(group)?;
        self.source.write::<ByteArrayType>(group)?;
        self.access.write::<ByteArrayType>(group)?;
        self.address.write::<Int64Type>(group)?;
        self.epc.write::<Int64Type>(group)?;
        self.function.write::<ByteArrayType>(group)?;
        self.region.write::<ByteArrayType>(group)?;
        self.outcome.write::<ByteArrayType>(group)?;
        self.level.write::<Int32Type>(group)?;
        self.entry.write::<Int64Type>(group)?;
        self.frame.write::<Int64Type>(group)?;
        self.satp.write::<Int64Type>(group)?;
        self.cost.write::<Int32Type>(group)?;
        self.hart.write::<Int32Type>(group)?;
        self.count = 0;
        Ok(())
    }
}

/// Text as Parquet has it; one that is part of the program is not copied.
fn byte_array(text: Cow<'static, str>) -> ByteArray {
    let bytes = match text {
        Cow::Borrowed(known) => Bytes::from_static(known.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    };
    ByteArray::from(bytes)
}

/// One file of Parquet.
pub struct ParquetFile {
    writer: SerializedFileWriter<Box<dyn Write + Send>>,
    rows: Rows,
}

impl ParquetFile {
    /// Begins a file.
    pub fn begin(out: Box<dyn Write + Send>) -> io::Result<ParquetFile> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(other)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("pagewalk ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties));
        Ok(ParquetFile {
            writer: writer.map_err(other)?,
            rows: Rows::default(),
        })
    }

    /// Adds a row.
    pub fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        self.rows.push(fault);
        match self.rows.count >= GROUP {
            true => self.group(),
            false => Ok(()),
        }
    }

    fn group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(other)?;
        self.rows.write(&mut group).map_err(other)?;
        group.close().map_err(other)?;
        Ok(())
    }

    /// Completes the file; without it there is none.
    pub fn end(mut self) -> io::Result<()> {
        if self.rows.count > 0 {
            self.group()?;
        }
        let mut out = self.writer.into_inner().map_err(other)?;
        out.flush()
    }
}

fn other(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

struct ParquetFolder<'a> {
    out: &'a mut dyn ExportOutput,
    name: String,
    files: BTreeMap<String, ParquetFile>,
}

/// Opens a file for each board and day as it comes.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, name: &str) -> io::Result<Box<dyn Export + 'a>> {
    Ok(Box::new(ParquetFolder {
        out,
        name: name.to_owned(),
        files: BTreeMap::new(),
    }))
}

impl Export for ParquetFolder<'_> {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let partition = partition(fault.board, fault.received_us);
        if !self.files.contains_key(&partition) {
            let out = self
                .out
                .open(&format!("{partition}/{}.parquet", self.name))?;
            self.files
                .insert(partition.clone(), ParquetFile::begin(out)?);
        }
        match self.files.get_mut(&partition) {
            Some(file) => file.fault(fault),
            None => Ok(()),
        }
    }

    fn end(self: Box<Self>, _: &Faults) -> io::Result<()> {
        self.files.into_values().try_for_each(ParquetFile::end)
    }
}

/// Hive's word for what is not known.
const UNKNOWN: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folder of a fault: `board=NAME/date=YYYY-MM-DD`, the day in UTC.
pub fn partition(board: &str, received_us: Option<u64>) -> String {
    let keep = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let board: String = board
        .chars()
        .map(|c| if keep(c) { c } else { '_' })
        .collect();
    let board = if board.is_empty() { UNKNOWN } else { &board };
    let date = received_us.map_or(UNKNOWN.to_owned(), |at_us| date(at_us / 86_400_000_000));
    format!("board={board}/date={date}")
}

/// Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn date(day: u64) -> String {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
