//! One stream of updates from a board's output and answers.

use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use link::recording::{AnswerCollector, BlockKind, Note, NoteKeeper, RecordingSink, Replay};
use link::session::{Agent, AgentError, AgentOptions, Direction, LineTap, OnSilence};
use link::session::{Decoder, LineEvent, RamExtent};
use link::transport::{LineNews, Spec, TargetLine};
use model::TaskList;
use model::live::Update;

use super::notes;
use crate::board;

/// Queue limit: a recording at full speed waits for the view.
const WAITING: usize = 4096;
/// Interval of task queries.
const TASKS: Duration = Duration::from_millis(1000);
/// Interval of task queries that only show whether the board is alive.
const ALIVE: Duration = Duration::from_secs(10);
/// Interval at which the stop flag is checked.
const LOOK: Duration = Duration::from_millis(50);
/// Page-table reads take at most a tenth of the line's time.
const MAP_SHARE: u32 = 9;

/// What a board that answers is asked for, beside its faults.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Questions {
    /// Its tasks each second, and the tables of one of them.
    #[default]
    TasksAndTables,
    /// Its tasks, now and then: whether it is alive.
    Alive,
}

/// Options of the event source.
#[derive(Default)]
pub struct SourceOptions {
    /// What the board is asked for.
    pub questions: Questions,
    /// Send nothing to the board.
    pub silent: bool,
    /// End at the first loss of the line, and if the board does not answer.
    pub once: bool,
    /// Commands to type at its shell.
    pub typed: Vec<String>,
    /// Records both directions of the line.
    pub record: Option<Box<dyn RecordingSink>>,
    /// Keeps notes in that recording.
    pub notes: Option<NoteKeeper>,
}

/// Starts to listen, and types commands at a board that answers. A Pagewalk board is also asked for its tasks
/// and tables, unless `silent`; other boards and recordings are decoded passively. A line that may come back
/// is waited for, unless `once`.
pub fn start(spec: &Spec, wishes: SourceOptions) -> anyhow::Result<EventSource> {
    let (sender, updates) = sync_channel(WAITING);
    if let Spec::Recording(path, speed) = spec {
        let replay = Replay::open(path, *speed).with_context(|| spec.to_string())?;
        let ending = sender.clone();
        thread::spawn(move || {
            let read = || play(replay, wishes.record, &sender);
            say_end(catch_unwind(AssertUnwindSafe(read)), &ending);
        });
        return Ok(EventSource {
            updates: Some(updates),
            stop: Arc::default(),
            thread: None,
            notes: Some(NoteKeeper::of_file(path)),
        });
    }
    let line = match wishes.once {
        true => TargetLine::open(spec),
        false => {
            let tell = sender.clone();
            TargetLine::open_returning(spec, Box::new(move |news| forward_news(news, &tell)))
        }
    };
    let line = line.with_context(|| spec.to_string())?;
    Ok(follow(line, wishes, sender, updates))
}

/// Decodes an open line, on a thread of its own.
fn follow(
    line: TargetLine,
    mut wishes: SourceOptions,
    sender: SyncSender<Update>,
    updates: Receiver<Update>,
) -> EventSource {
    let notes = wishes.notes.take();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let only_listens = wishes.silent;
    let thread = thread::spawn(move || {
        let read = || match only_listens {
            true => listen(line, wishes.record, &sender),
            false => run_session(line, wishes, &sender, &stopped),
        };
        say_end(catch_unwind(AssertUnwindSafe(read)), &sender);
    });
    // A passive line needs no goodbye.
    let thread = (!only_listens).then_some(thread);
    EventSource {
        updates: Some(updates),
        stop,
        thread,
        notes,
    }
}

/// The end of a reader. One that panicked must be distinguishable from a line that has ended.
fn say_end(ended: thread::Result<Result<(), String>>, sender: &SyncSender<Update>) {
    let panicked = "the thread that reads the line has panicked, which is a bug of pagewalk";
    let ended = ended.unwrap_or_else(|_| Err(panicked.to_owned()));
    let _ = sender.send(Update::Ended(ended.err()));
}

/// The message for stderr about the line itself, if the update has one.
pub fn notice(update: &Update) -> Option<&str> {
    match update {
        Update::Trouble(what) | Update::Returned(what) => Some(what),
        _ => None,
    }
}

/// Reports once that the board does not answer: it may be off, in its boot loader or at another speed, and
/// answer later.
fn say_once(sender: SyncSender<Update>) -> OnSilence {
    let mut is_said = false;
    Box::new(move |silence| {
        if !std::mem::replace(&mut is_said, true) {
            let what = format!("{} Calling it; Ctrl-C ends this", chain(silence));
            let _ = sender.send(Update::Trouble(what));
        }
    })
}

fn forward_news(news: LineNews, sender: &SyncSender<Update>) {
    let said = news.to_string();
    let update = match news {
        LineNews::Open => Update::Returned(said),
        LineNews::Absent(_) | LineNews::Lost(_) => Update::Trouble(said),
    };
    // The view has ended, so the result has no receiver.
    let _ = sender.send(update);
}

/// The source of updates. On drop the session is closed, and the board's line becomes plain.
pub struct EventSource {
    updates: Option<Receiver<Update>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    notes: Option<NoteKeeper>,
}

impl EventSource {
    /// Moves the receiver of updates out.
    pub fn take(&mut self) -> Receiver<Update> {
        // Taken once; a second call returns a closed channel.
        self.updates.take().unwrap_or_else(|| sync_channel(0).1)
    }

    /// Moves out what keeps notes; `None` where nothing is recorded.
    pub fn take_notes(&mut self) -> Option<NoteKeeper> {
        self.notes.take()
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.updates = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(
    line: TargetLine,
    record: Option<Box<dyn RecordingSink>>,
    sender: &SyncSender<Update>,
) -> Result<(), String> {
    let (mut reader, _writer, _machine) = line.split();
    decode(&mut *reader, record, sender, || {})
}

/// Plays a recording: besides what the board said by itself, the task tables and page tables that it answered to
/// the recorder.
fn play(
    mut replay: Replay,
    record: Option<Box<dyn RecordingSink>>,
    sender: &SyncSender<Update>,
) -> Result<(), String> {
    let answers = Arc::new(Mutex::new(AnswerCollector::default()));
    let collecting = Arc::clone(&answers);
    let noted = sender.clone();
    replay.watch(Box::new(move |block, is_output| {
        lock(&collecting).take(block, is_output);
        if block.kind == BlockKind::Note
            && let Some(note) = Note::decode(&block.payload)
        {
            // The view has ended, so the result has no receiver.
            let _ = noted.send(notes::update(note));
        }
    }));
    let mut tables = 0;
    decode(&mut replay, record, sender, || {
        let answers = &mut lock(&answers).kept;
        if std::mem::replace(&mut tables, answers.tables) == answers.tables {
            return;
        }
        let tasks = board::recorded_tasks(answers);
        let alive: Vec<(u64, u64)> = roots(&tasks).collect();
        let _ = sender.send(Update::Ram(ram(&answers.ram)));
        let _ = sender.send(Update::Tasks(tasks));
        for (pid, satp) in alive {
            if let Some(space) = board::recorded_space(answers, satp) {
                let _ = sender.send(Update::Space(pid, Box::new(space)));
            }
        }
    })
}

/// One thread plays and collects: the lock is never poisoned by another.
fn lock(answers: &Mutex<AnswerCollector>) -> MutexGuard<'_, AnswerCollector> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes what comes, up to its end; `after` is called after each piece.
fn decode(
    reader: &mut dyn Read,
    mut record: Option<Box<dyn RecordingSink>>,
    sender: &SyncSender<Update>,
    mut after: impl FnMut(),
) -> Result<(), String> {
    let mut listener = Decoder::new(None);
    let mut piece = vec![0; 1 << 16];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                if let Some(record) = &mut record {
                    record.received(&piece[..count]).map_err(chain)?;
                }
                listener.receive(&piece[..count], &mut |said| forward(said, sender));
                after();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(chain(error)),
        }
    }
    listener.finish(&mut |said| forward(said, sender));
    Ok(())
}

/// First address and bytes of each extent.
fn ram(extents: &[RamExtent]) -> Vec<(u64, u64)> {
    extents.iter().map(|it| (it.base, it.bytes)).collect()
}

/// The tasks that have page tables: number and satp.
fn roots(tasks: &TaskList) -> impl Iterator<Item = (u64, u64)> + '_ {
    let alive = tasks.0.iter().filter(|task| task.satp != 0);
    alive.map(|task| (task.pid, task.satp))
}

fn run_session(
    line: TargetLine,
    wishes: SourceOptions,
    sender: &SyncSender<Update>,
    stop: &Arc<AtomicBool>,
) -> Result<(), String> {
    let SourceOptions {
        questions,
        once,
        typed,
        mut record,
        ..
    } = wishes;
    let mut listener = Decoder::new(None);
    let tapped = sender.clone();
    let tap: LineTap = Box::new(move |direction, bytes| {
        let kept = match (&mut record, direction) {
            (None, _) => Ok(()),
            (Some(record), Direction::Received) => record.received(bytes),
            (Some(record), Direction::Sent) => record.sent(bytes),
        };
        if let Err(error) = kept {
            record = None;
            let what = format!("the recording has ended: {error}");
            let _ = tapped.send(Update::Trouble(what));
        }
        if direction == Direction::Received {
            listener.receive(bytes, &mut |said| forward(said, &tapped));
        }
    });
    let options = AgentOptions {
        tap: Some(tap),
        stop: Some(Arc::clone(stop)),
        on_silence: (!once).then(|| say_once(sender.clone())),
    };
    let mut agent = match Agent::open_with(line, options) {
        Ok(agent) => agent,
        Err(AgentError::Stopped) => return Ok(()),
        Err(error) => return Err(chain(error)),
    };
    let dialect = loop {
        match agent.about() {
            Ok((_, dialect)) => break dialect,
            // A shared recording does not answer; its content is shown.
            Err(AgentError::Refused(_)) => {
                while run_for(&mut agent, TASKS, stop)? {}
                return Ok(());
            }
            Err(AgentError::Stopped) => return Ok(()),
            Err(error) if error.is_silence() && !once => {
                let _ = sender.send(Update::Trouble(chain(error)));
            }
            Err(error) => return Err(chain(error)),
        }
    };
    // A board that does not say where its RAM is has no strip of physical memory.
    if let Ok(extents) = agent.ram() {
        let _ = sender.send(Update::Ram(ram(extents)));
    }
    for command in typed {
        // Ctrl-U first: a hello during the boot may have left a part of itself in the line editor.
        agent.type_in(format!("\x15{command}\r").as_bytes());
    }
    let mut turn = 0;
    loop {
        let tasks = match board::tasks(&mut agent) {
            Ok(tasks) => tasks,
            Err(AgentError::NoAnswer) => {
                let what = "the board is silent; calling it".to_owned();
                let _ = sender.send(Update::Trouble(what));
                continue;
            }
            Err(error) if error.is_silence() => {
                let _ = sender.send(Update::Trouble(chain(error)));
                continue;
            }
            Err(AgentError::Stopped) => return Ok(()),
            // A lost line ends the source normally.
            Err(AgentError::Line(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(());
            }
            Err(error) => return Err(chain(error)),
        };
        let alive: Vec<(u64, u64)> = roots(&tasks).collect();
        if sender.send(Update::Tasks(tasks)).is_err() {
            return Ok(());
        }
        if questions == Questions::Alive {
            if !run_for(&mut agent, ALIVE, stop)? {
                return Ok(());
            }
            continue;
        }
        let asked = Instant::now();
        let mut rest = TASKS;
        if !alive.is_empty() {
            let (pid, satp) = alive[turn % alive.len()];
            turn += 1;
            // A task that exited meanwhile has no tables; others remain.
            if let Ok(space) = board::space(&mut agent, satp, dialect) {
                let _ = sender.send(Update::Space(pid, Box::new(space)));
            }
            rest = rest.max(asked.elapsed() * MAP_SHARE);
        }
        if !run_for(&mut agent, rest, stop)? {
            return Ok(());
        }
    }
}

/// Keeps the session alive for a while; false if the line or the user has ended.
fn run_for(agent: &mut Agent, time: Duration, stop: &AtomicBool) -> Result<bool, String> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match agent.run_for(LOOK) {
            Ok(()) => {}
            Err(AgentError::Line(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(false);
            }
            Err(AgentError::Stopped) => return Ok(false),
            Err(error) => return Err(chain(error)),
        }
    }
    Ok(true)
}

fn forward(said: LineEvent, sender: &SyncSender<Update>) {
    let update = match said {
        LineEvent::Welcome { board, xlen, .. } => Update::Board { name: board, xlen },
        LineEvent::Fault(sighting) => Update::Fault(sighting),
        LineEvent::Missed { frames } => Update::Missed(frames.into()),
        LineEvent::Text(line) => Update::Text(line),
        // Its lines come as text.
        LineEvent::Crash(_) => return,
        // The numbers of the faults include these.
        LineEvent::Lost { .. } => return,
        LineEvent::Unknown { .. } | LineEvent::Malformed { .. } | LineEvent::Bad { .. } => return,
    };
    // The view has ended, so the result has no receiver.
    let _ = sender.send(update);
}

/// An error with its causes on one line.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A reader that panics.
    struct Dies;

    impl Read for Dies {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("as a reader of text did at a byte that is none");
        }
    }

    #[test]
    fn a_reader_that_dies_is_trouble_and_no_end_like_any_other() {
        for only_listens in [true, false] {
            let line = TargetLine::of(Dies, io::sink());
            let wishes = SourceOptions {
                silent: only_listens,
                ..SourceOptions::default()
            };
            let (sender, updates) = sync_channel(WAITING);
            let mut feed = follow(line, wishes, sender, updates);
            let mut live = model::Live::default();
            for update in feed.take() {
                live.apply(update);
            }
            assert!(live.ended, "only_listens: {only_listens}");
            let trouble = live.trouble.expect("it is said");
            assert!(trouble.contains("panicked"), "{trouble}");
        }
    }
}
