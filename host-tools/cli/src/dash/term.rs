//! The terminal view, redrawn at most ten times a second.

mod draw;
mod fit;
mod middle;
mod mouse;
mod notes;
mod shown;
mod strip;
mod top;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use link::recording::NoteKeeper;
use model::Live;
use model::live::Update;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use self::mouse::{Drag, MouseCapture, ScreenMap};
use super::end;
use super::keys::{KeyOutcome, Look};
use crate::ending;

/// Minimum time between two drawings.
const TICK: Duration = Duration::from_millis(100);
/// Maximum number of updates held back while the view is paused; older ones are applied.
const HELD: usize = 100_000;

/// Draws until the user quits. After the end of the line the view stays open.
pub fn run(
    name: &str,
    updates: Receiver<Update>,
    keeper: Option<NoteKeeper>,
) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let mouse = MouseCapture::begin();
    let shown = show(&mut terminal, name, &updates, keeper.as_ref());
    drop(mouse);
    // A closed terminal need not be restored.
    let _ = ratatui::try_restore();
    shown
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    name: &str,
    updates: &Receiver<Update>,
    keeper: Option<&NoteKeeper>,
) -> anyhow::Result<()> {
    let stop = ending::watch();
    let (mut live, mut look) = (Live::default(), Look::default());
    let mut held = VecDeque::new();
    let mut is_new = true;
    let (mut map, mut drag) = (ScreenMap::default(), Drag::default());
    loop {
        if is_new {
            terminal.draw(|frame| map = draw::all(frame, name, &live, &look, held.len()))?;
        }
        if stop.load(Ordering::Relaxed) {
            return end(&live);
        }
        look.whole_us = live.history.whole().length_us();
        let drawn = Instant::now();
        is_new = false;
        while event::poll(TICK.saturating_sub(drawn.elapsed()))? {
            is_new = true;
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match look.key(key) {
                    KeyOutcome::Stay => {}
                    KeyOutcome::Note(text) => {
                        // What has come meanwhile is in the recording before the note; the view stays where it is.
                        if !held.is_empty() {
                            look.select(look.span(live.history.whole()));
                            held.drain(..).for_each(|update| live.apply(update));
                        }
                        look.said = notes::set(&mut live, keeper, map.note_us, &text);
                    }
                    KeyOutcome::Leave => return end(&live),
                },
                Event::Mouse(event) => drag.mouse(event, &map, &mut look),
                _ => {}
            }
        }
        let until = Instant::now() + TICK;
        while Instant::now() < until {
            match updates.try_recv() {
                Ok(update) => held.push_back(update),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
            is_new = true;
            if !look.paused || held.len() > HELD {
                held.pop_front().into_iter().for_each(|it| live.apply(it));
            }
        }
        if !look.paused && !held.is_empty() {
            held.drain(..).for_each(|update| live.apply(update));
            is_new = true;
        }
    }
}
