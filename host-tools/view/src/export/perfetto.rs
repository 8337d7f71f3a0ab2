//! A Perfetto trace: a track for the board, below it one for each task, each hart, and a counter of faults.
//!
//! A slice lasts as many nanoseconds as the fault cost instructions, as in QEMU with `-icount shift=0`; a
//! board that runs at another rate counts no time per fault. It ends where the next one on its track begins.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use model::Faults;
use prost::Message;

use super::clock::ExportClock;
use super::perfetto_messages::{
    CounterDescriptor, DebugAnnotation, PerfettoTrace, TracePacket, TrackDescriptor, TrackEvent,
};
use super::{Export, ExportOutput, ExportedFault, board_name, task_name};
use crate::faults::FaultCells;

const BEGIN: i32 = 1;
const END: i32 = 2;
const COUNTER: i32 = 4;
/// `SEQ_INCREMENTAL_STATE_CLEARED`.
const CLEARED: u32 = 1;

struct Perfetto {
    out: Box<dyn Write + Send>,
    clock: ExportClock,
    /// Number of each track by board and name, from 1.
    tracks: HashMap<(String, String), u64>,
    /// End of the slice that is open on a track.
    open: HashMap<u64, u64>,
    counts: HashMap<u64, i64>,
    has_begun: bool,
}

/// Writes packets as the faults arrive.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, _: &str) -> io::Result<Box<dyn Export + 'a>> {
    Ok(Box::new(Perfetto {
        out: out.open("")?,
        clock: ExportClock::default(),
        tracks: HashMap::new(),
        open: HashMap::new(),
        counts: HashMap::new(),
        has_begun: false,
    }))
}

impl Perfetto {
    fn packet(&mut self, packet: TracePacket) -> io::Result<()> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let packet = TracePacket {
            trusted_packet_sequence_id: Some(1),
            sequence_flags: is_first.then_some(CLEARED),
            ..packet
        };
        let trace = PerfettoTrace {
            packet: vec![packet],
        };
        self.out.write_all(&trace.encode_to_vec())
    }

    fn event(&mut self, at_ns: u64, event: TrackEvent) -> io::Result<()> {
        self.packet(TracePacket {
            timestamp: Some(at_ns),
            track_event: Some(event),
            ..TracePacket::default()
        })
    }

    /// The track of that name below the board; the empty name is the board's own.
    fn track(&mut self, board: &str, name: &str, is_counter: bool) -> io::Result<u64> {
        let key = (board.to_owned(), name.to_owned());
        if let Some(track) = self.tracks.get(&key) {
            return Ok(*track);
        }
        let parent_uuid = match name {
            "" => None,
            _ => Some(self.track(board, "", false)?),
        };
        let uuid = self.tracks.len() as u64 + 1;
        self.tracks.insert(key, uuid);
        let title = if name.is_empty() { board } else { name };
        self.packet(TracePacket {
            track_descriptor: Some(TrackDescriptor {
                uuid: Some(uuid),
                name: Some(title.to_owned()),
                parent_uuid,
                counter: is_counter.then(|| CounterDescriptor {
                    unit_name: Some("faults".to_owned()),
                }),
            }),
            ..TracePacket::default()
        })?;
        Ok(uuid)
    }

    /// Begins a slice, and ends the one before on that track.
    fn slice(
        &mut self,
        track: u64,
        at_ns: u64,
        lasts_ns: u64,
        event: TrackEvent,
    ) -> io::Result<()> {
        if let Some(end) = self.open.insert(track, at_ns.saturating_add(lasts_ns)) {
            self.end_slice(track, end.min(at_ns))?;
        }
        let event = TrackEvent {
            r#type: Some(BEGIN),
            track_uuid: Some(track),
            categories: vec!["fault".to_owned()],
            ..event
        };
        self.event(at_ns, event)
    }

    fn end_slice(&mut self, track: u64, at_ns: u64) -> io::Result<()> {
        let event = TrackEvent {
            r#type: Some(END),
            track_uuid: Some(track),
            ..TrackEvent::default()
        };
        self.event(at_ns, event)
    }
}

impl Export for Perfetto {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let board = board_name(fault);
        let record = &fault.row.sighting.fault;
        let at_ns = self.clock.at_ns(fault.row);
        let lasts_ns = record.cost().unwrap_or(0).into();
        let task = task_name(fault.row);
        let track = self.track(board, &task, false)?;
        let event = TrackEvent {
            name: Some(record.cause().to_string()),
            debug_annotations: arguments(fault),
            ..TrackEvent::default()
        };
        self.slice(track, at_ns, lasts_ns, event)?;
        let hart = self.track(board, &format!("hart {}", record.hart), false)?;
        let event = TrackEvent {
            name: Some(task),
            ..TrackEvent::default()
        };
        self.slice(hart, at_ns, lasts_ns, event)?;
        let counter = self.track(board, "faults", true)?;
        let count = self.counts.entry(counter).or_default();
        *count += 1;
        let event = TrackEvent {
            r#type: Some(COUNTER),
            track_uuid: Some(counter),
            counter_value: Some(*count),
            ..TrackEvent::default()
        };
        self.event(at_ns, event)
    }

    fn end(mut self: Box<Self>, _: &Faults) -> io::Result<()> {
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_unstable();
        for (track, end) in open {
            self.end_slice(track, end)?;
        }
        self.out.flush()
    }
}

/// The cells of the fault, by the names that CSV has.
fn arguments(fault: &ExportedFault<'_>) -> Vec<DebugAnnotation> {
    let cells = FaultCells::of(fault.row, &|_| fault.function.map(str::to_owned));
    let argument = |name: &str| DebugAnnotation {
        name: Some(name.to_owned()),
        ..DebugAnnotation::default()
    };
    let numbers = [
        ("boot", Some(cells.boot.into())),
        ("seq", cells.seq),
        ("level", cells.level.map(Into::into)),
        ("cost", cells.cost.map(Into::into)),
    ];
    let addresses = [
        ("address", Some(cells.address.0)),
        ("epc", Some(cells.epc.0)),
        ("entry", cells.entry.map(|it| it.0)),
        ("frame", cells.frame.map(|it| it.0)),
        ("satp", cells.satp.map(|it| it.0)),
    ];
    let texts = [
        ("source", cells.source),
        ("access", cells.access),
        ("function", cells.function.map(Into::into)),
        ("region", cells.region),
        ("outcome", cells.outcome),
    ];
    let numbers = numbers.into_iter().map(|(name, value)| DebugAnnotation {
        uint_value: value,
        ..argument(name)
    });
    let addresses = addresses.into_iter().map(|(name, value)| DebugAnnotation {
        pointer_value: value,
        ..argument(name)
    });
    let texts = texts.into_iter().map(|(name, value)| DebugAnnotation {
        string_value: value.map(Cow::into_owned),
        ..argument(name)
    });
    let all = numbers.chain(addresses).chain(texts);
    all.filter(|it| {
        it.uint_value.is_some() || it.pointer_value.is_some() || it.string_value.is_some()
    })
    .collect()
}
