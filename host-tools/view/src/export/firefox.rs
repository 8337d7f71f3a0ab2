//! A profile for the Firefox Profiler: a process for the board, a thread for each task.
//!
//! A fault is a marker with its fields, and a sample whose stack is cause and function, so that the call tree
//! shows where faults come from.

use std::collections::HashMap;
use std::io::{self, Write};

use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, MarkerFieldFlags,
    MarkerFieldFormat, MarkerLocations, MarkerTiming, ProcessHandle, Profile, ReferenceTimestamp,
    SamplingInterval, StaticSchemaMarker, StaticSchemaMarkerField, StringHandle, ThreadHandle,
    Timestamp,
};
use model::Faults;

use super::clock::ExportClock;
use super::{Export, ExportOutput, ExportedFault, board_name, task_name};
use crate::faults::FaultCells;

struct Firefox {
    out: Box<dyn Write + Send>,
    profile: Option<Profile>,
    name: String,
    clock: ExportClock,
    processes: HashMap<String, ProcessHandle>,
    threads: HashMap<(String, Option<u16>), ThreadHandle>,
    category: Option<CategoryHandle>,
}

/// A fault as a marker.
struct FaultMarker {
    name: StringHandle,
    category: CategoryHandle,
    texts: [StringHandle; 6],
    cost: f64,
}

impl StaticSchemaMarker for FaultMarker {
    const UNIQUE_MARKER_TYPE_NAME: &'static str = "PageFault";
    const LOCATIONS: MarkerLocations =
        MarkerLocations::MARKER_CHART.union(MarkerLocations::MARKER_TABLE);
    const CHART_LABEL: Option<&'static str> = Some("{marker.data.address}");
    const TABLE_LABEL: Option<&'static str> = Some("{marker.data.address} at {marker.data.epc}");
    const FIELDS: &'static [StaticSchemaMarkerField] = &[
        text("address", "Address"),
        text("epc", "Instruction"),
        text("access", "Access"),
        text("region", "Region"),
        text("outcome", "Outcome"),
        text("frame", "Frame"),
        StaticSchemaMarkerField {
            key: "cost",
            label: "Instructions",
            format: MarkerFieldFormat::Integer,
            flags: MarkerFieldFlags::empty(),
        },
    ];

    fn name(&self, _: &mut Profile) -> StringHandle {
        self.name
    }

    fn category(&self, _: &mut Profile) -> CategoryHandle {
        self.category
    }

    fn string_field_value(&self, field: u32) -> StringHandle {
        // The profile asks for the fields above only.
        self.texts.get(field as usize).copied().unwrap_or(self.name)
    }

    fn number_field_value(&self, _: u32) -> f64 {
        self.cost
    }
}

const fn text(key: &'static str, label: &'static str) -> StaticSchemaMarkerField {
    StaticSchemaMarkerField {
        key,
        label,
        format: MarkerFieldFormat::String,
        flags: MarkerFieldFlags::SEARCHABLE,
    }
}

/// Collects until the end: the format has one table after the other.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, name: &str) -> io::Result<Box<dyn Export + 'a>> {
    Ok(Box::new(Firefox {
        out: out.open("")?,
        profile: None,
        name: name.to_owned(),
        clock: ExportClock::default(),
        processes: HashMap::new(),
        threads: HashMap::new(),
        category: None,
    }))
}

/// A profile that begins at this time.
fn new_profile(name: &str, start_ms: f64) -> Profile {
    let start = ReferenceTimestamp::from_millis_since_unix_epoch(start_ms);
    let mut profile = Profile::new(name, start, SamplingInterval::from_millis(1));
    profile.set_symbolicated(true);
    profile
}

impl Export for Firefox {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let at = Timestamp::from_nanos_since_reference(self.clock.at_ns(fault.row));
        let profile = self.profile.get_or_insert_with(|| {
            let time_us = fault.row.sighting.time_us.unwrap_or(0);
            let start_us = fault.received_us.unwrap_or(0).saturating_sub(time_us);
            new_profile(&self.name, start_us as f64 / 1000.0)
        });
        let category = *self
            .category
            .get_or_insert_with(|| profile.add_category("Page fault", CategoryColor::Orange));
        let board = board_name(fault);
        let process = *self
            .processes
            .entry(board.to_owned())
            .or_insert_with(|| profile.add_process(board, 1, at));
        let record = &fault.row.sighting.fault;
        let key = (board.to_owned(), record.task());
        let thread = *self.threads.entry(key).or_insert_with(|| {
            let thread = profile.add_thread(process, record.task.into(), at, false);
            profile.set_thread_name(thread, &task_name(fault.row));
            thread
        });
        let cells = FaultCells::of(fault.row, &|_| fault.function.map(str::to_owned));
        let name = profile.intern_string(&cells.text);
        let at_function = match cells.function {
            Some(function) => function,
            None => cells.epc.to_string(),
        };
        let function = profile.intern_string(&at_function);
        let texts = [
            Some(cells.address.to_string().into()),
            Some(at_function.into()),
            cells.access,
            cells.region,
            cells.outcome,
            cells.frame.map(|frame| frame.to_string().into()),
        ];
        let texts = texts.map(|text| profile.intern_string(text.as_deref().unwrap_or("")));
        let frames = [name, function].map(|label| FrameInfo {
            frame: Frame::Label(label),
            category_pair: category.into(),
            flags: FrameFlags::empty(),
        });
        let stack = profile.intern_stack_frames(thread, frames.into_iter());
        profile.add_sample(thread, at, stack, CpuDelta::ZERO, 1);
        let marker = FaultMarker {
            name,
            category,
            texts,
            cost: record.cost().unwrap_or(0).into(),
        };
        let marker = profile.add_marker(thread, MarkerTiming::Instant(at), marker);
        profile.set_marker_stack(thread, marker, stack);
        Ok(())
    }

    fn end(mut self: Box<Self>, _: &Faults) -> io::Result<()> {
        let profile = self.profile.take();
        let profile = profile.unwrap_or_else(|| new_profile(&self.name, 0.0));
        let mut out = io::BufWriter::new(&mut self.out);
        serde_json::to_writer(&mut out, &profile)?;
        out.flush()
    }
}
