//! What the handlers of the page share: the boards, and a token if one is asked for.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use link::recording::NoteKeeper;
use model::Live;
use serde::Serialize;

use crate::dash::connections::ListenerSlots;
use crate::symbols::Programs;

/// Interval between updates of a page.
pub const TICK: Duration = Duration::from_millis(200);

/// One board of the page.
#[derive(Clone, Default)]
pub struct WebBoard {
    /// The line or recording, as the command line named it.
    pub spec: Arc<str>,
    /// What is known about it.
    live: Arc<Mutex<Live>>,
    /// The last summary, with its time.
    told: Arc<Mutex<Option<TimedSummary>>>,
    /// Keeps notes in the recording, if there is one.
    pub notes: Option<Arc<NoteKeeper>>,
}

/// Time and text of a summary.
type TimedSummary = (Instant, Arc<str>);

/// Shared state of the handlers.
#[derive(Clone)]
pub struct WebState {
    /// In the order of the command line; at least one.
    pub boards: Arc<[WebBoard]>,
    /// Random per run: an open page recognizes by it that row ids start again.
    pub run: u64,
    /// Host names and port that a request may name.
    pub hosts: Arc<[String]>,
    /// What a request must carry, if the page is served to other machines.
    pub token: Option<Arc<str>>,
    /// Slots for event streams.
    pub listeners: ListenerSlots,
    /// Programs of `--elf`; their line tables are read when they are first needed, by one at a time.
    pub programs: Arc<Mutex<Programs>>,
}

impl WebBoard {
    /// A board of which nothing is known yet.
    pub fn new(spec: &str, notes: Option<NoteKeeper>) -> WebBoard {
        WebBoard {
            spec: spec.into(),
            notes: notes.map(Arc::new),
            ..WebBoard::default()
        }
    }

    /// What is known about the board.
    pub fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// The current summary; computed at most once per interval for all pages.
    pub fn summary(&self) -> Arc<str> {
        let mut told = self.told.lock().unwrap_or_else(|held| held.into_inner());
        match &*told {
            Some((at, summary)) if at.elapsed() < TICK => Arc::clone(summary),
            _ => {
                let new: Arc<str> = summary(&self.live()).into();
                *told = Some((Instant::now(), Arc::clone(&new)));
                new
            }
        }
    }
}

/// Everything about a board now, except for its rows: `pagewalk.live/1`.
pub fn summary(live: &Live) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = view::live::json(&mut out, live);
    String::from_utf8_lossy(&out).into_owned()
}

/// A board in the list of all, with the totals that a sum needs.
#[derive(Serialize)]
pub struct BoardTotals {
    spec: String,
    board: Option<String>,
    faults: u64,
    lost: u64,
    killed: usize,
    boots: u32,
    ended: bool,
    trouble: Option<String>,
}

impl BoardTotals {
    /// Those of a board now.
    pub fn of(board: &WebBoard) -> BoardTotals {
        let live = board.live();
        BoardTotals {
            spec: view::words::printable(&board.spec),
            board: live.board.as_ref().map(|(name, _)| name.clone()),
            faults: live.received(),
            lost: live.lost(),
            killed: live.history.refused().count(),
            boots: live.boots(),
            ended: live.ended,
            trouble: live.trouble.clone(),
        }
    }
}
