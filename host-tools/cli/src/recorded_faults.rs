//! Faults of a file, with what a recording knows beside them: the board, and when the host received each.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use link::recording::{Blocks, is_board_output, is_recording};
use link::session::{Decoder, LineEvent};
use model::Faults;
use model::faults::FaultStream;
use model::ledger::LedgerRow;
use view::export::ExportedFault;

use crate::recording::unpacked;
use crate::symbols::Programs;

/// A file, and which of its faults count.
#[derive(clap::Args)]
pub struct RecordedFaultArgs {
    /// A recording, a recorded serial stream or a text log
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only faults of this task id
    #[arg(long, value_name = "NUMBER")]
    task: Option<u16>,
    /// Name of the board, instead of the one that it says
    #[arg(long = "as", value_name = "NAME")]
    board: Option<String>,
    /// Symbolize instructions with this program; may be repeated, the first match counts
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// Frequency of the board's clock in hertz, if the recording starts after its welcome, which states it
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u64).range(1..))]
    timebase: Option<u64>,
}

impl RecordedFaultArgs {
    /// Name of the file without its folder and extension.
    pub fn name(&self) -> String {
        let stem = self.file.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// The programs with symbols.
    pub fn elf(&self) -> &[PathBuf] {
        &self.elf
    }

    /// Passes each fault to `take`, in the order they happened; returns their totals. Losses are noted on
    /// stderr.
    pub fn read(
        &self,
        take: &mut dyn FnMut(&ExportedFault<'_>) -> io::Result<()>,
    ) -> anyhow::Result<Faults> {
        let programs = Programs::read(&self.elf)?;
        let mut names: HashMap<u64, Option<String>> = HashMap::new();
        let mut named = |fault: &ExportedFault<'_>| {
            if self.elf.is_empty() {
                return take(fault);
            }
            let epc = fault.row.sighting.fault.epc;
            let function = names.entry(epc).or_insert_with(|| programs.name(epc));
            take(&ExportedFault {
                function: function.as_deref(),
                ..*fault
            })
        };
        let reader = FaultReader::new(self.task, self.timebase, self.board.clone());
        let totals = reader.file(&self.file, &mut named);
        let totals = totals.with_context(|| self.file.display().to_string())?;
        if totals.count() == 0 {
            bail!("{}: no faults in it", self.file.display());
        }
        let counts = [
            (
                totals.missing(),
                "faults missing between those that arrived",
            ),
            (
                totals.overwritten(),
                "faults overwritten on the board before it could send them",
            ),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            eprintln!("warning: {what}: {count}");
        }
        Ok(totals)
    }
}

/// Receives each fault.
pub type TakeFault<'a> = &'a mut dyn FnMut(&ExportedFault<'_>) -> io::Result<()>;

/// Decodes a recording into faults in the order they happened.
pub struct FaultReader {
    decoder: Decoder,
    order: FaultOrder,
}

/// The ledger, and what is known of faults that wait in it.
struct FaultOrder {
    stream: FaultStream,
    /// Names of boards so far; the first is the one before any says its name.
    boards: Vec<String>,
    /// Whether boards keep the name that the caller gave.
    is_named: bool,
    board: usize,
    now_us: Option<u64>,
    /// Board and time of each fault that waits, by its id.
    waiting: HashMap<u64, (usize, Option<u64>)>,
}

impl FaultReader {
    /// A reader of all tasks or of one. `ticks_per_second` is the clock's frequency until a welcome states it.
    pub fn new(
        task: Option<u16>,
        ticks_per_second: Option<u64>,
        board: Option<String>,
    ) -> FaultReader {
        FaultReader {
            decoder: Decoder::new(ticks_per_second),
            order: FaultOrder {
                stream: FaultStream::of(task),
                is_named: board.is_some(),
                boards: vec![board.unwrap_or_default()],
                board: 0,
                now_us: None,
                waiting: HashMap::new(),
            },
        }
    }

    /// Adds bytes that the host received at this time, in microseconds since 1970.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        at_us: Option<u64>,
        take: TakeFault<'_>,
    ) -> io::Result<()> {
        self.order.now_us = at_us;
        let mut taken = Ok(());
        let order = &mut self.order;
        self.decoder.receive(bytes, &mut |event| {
            if taken.is_ok() {
                taken = order.event(event, take);
            }
        });
        taken
    }

    /// Ends the recording; returns the totals.
    pub fn finish(self, take: TakeFault<'_>) -> io::Result<Faults> {
        let FaultReader { decoder, mut order } = self;
        let mut taken = Ok(());
        decoder.finish(&mut |event| {
            if taken.is_ok() {
                taken = order.event(event, take);
            }
        });
        taken?;
        let FaultOrder {
            stream,
            boards,
            mut waiting,
            ..
        } = order;
        let faults = stream.finish(&mut |row| give(row, &boards, &mut waiting, take))?;
        for row in faults.all() {
            give(row, &boards, &mut waiting, take)?;
        }
        Ok(faults)
    }

    /// Reads a file to its end: a recording with times, anything else without.
    pub fn file(mut self, path: &Path, take: TakeFault<'_>) -> io::Result<Faults> {
        let mut from = unpacked(Box::new(File::open(path)?))?;
        if !is_recording(from.fill_buf()?) {
            let mut piece = vec![0; 1 << 16];
            loop {
                match from.read(&mut piece)? {
                    0 => return self.finish(take),
                    count => self.receive(&piece[..count], None, take)?,
                }
            }
        }
        let mut blocks = Blocks::new(from)?;
        let mut has_begun = false;
        while let Some(block) = blocks.next()? {
            if is_board_output(&block, &mut has_begun) {
                self.receive(&block.payload, Some(block.at_us), take)?;
            }
        }
        if let Some(at) = blocks.cut_at() {
            eprintln!(
                "warning: {}: cut off or damaged at byte {at}",
                path.display()
            );
        }
        self.finish(take)
    }
}

impl FaultOrder {
    fn event(&mut self, event: LineEvent, take: TakeFault<'_>) -> io::Result<()> {
        match event {
            LineEvent::Welcome { board, .. } if !self.is_named => {
                self.board = match self.boards.iter().position(|known| *known == board) {
                    Some(place) => place,
                    None => {
                        self.boards.push(board);
                        self.boards.len() - 1
                    }
                };
                Ok(())
            }
            LineEvent::Lost { count } => {
                self.stream.add_overwritten(count);
                Ok(())
            }
            LineEvent::Fault(sighting) => {
                // Its id, unless it is a repetition.
                let id = self.stream.ledger().received() + 1;
                let known = (self.board, self.now_us);
                let FaultOrder {
                    stream,
                    boards,
                    waiting,
                    ..
                } = self;
                waiting.insert(id, known);
                stream.add(sighting, &mut |row| give(row, boards, waiting, take))
            }
            _ => Ok(()),
        }
    }
}

fn give(
    row: &LedgerRow,
    boards: &[String],
    waiting: &mut HashMap<u64, (usize, Option<u64>)>,
    take: TakeFault<'_>,
) -> io::Result<()> {
    let (board, received_us) = waiting.remove(&row.id).unwrap_or_default();
    take(&ExportedFault {
        row,
        board: boards.get(board).map_or("", String::as_str),
        received_us,
        function: None,
    })
}
