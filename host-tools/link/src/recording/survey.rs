//! What a recording contains, read once from end to end.

use std::io::{self, Read};

use super::block::{BlockKind, is_board_output};
use super::reader::Blocks;
use crate::session::{Decoder, LineEvent};

/// Facts about a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingSurvey {
    /// Whether it is of version 1.
    pub is_old: bool,
    /// Bytes up to the end of the last whole part.
    pub whole_bytes: u64,
    /// Offset at which it is cut off or damaged; what follows cannot be read.
    pub cut_at: Option<u64>,
    /// Microseconds since 1970 of the first and the last block; `None` without a block.
    pub span_us: Option<(u64, u64)>,
    /// Number of sessions: it is started, and appended to.
    pub sessions: u64,
    /// Bytes received from the board.
    pub received_bytes: u64,
    /// Bytes sent to the board.
    pub sent_bytes: u64,
    /// Notes that a person set.
    pub notes: u64,
    /// Blocks of kinds that this program does not know.
    pub unknown_blocks: u64,
    /// Fault records: frames, and lines of text in any dialect. One that arrived twice counts twice.
    pub faults: u64,
    /// Names of the boards that said one, in order.
    pub boards: Vec<String>,
}

impl RecordingSurvey {
    /// Reads a recording to its end.
    pub fn read(mut blocks: Blocks<impl Read>) -> io::Result<RecordingSurvey> {
        let mut survey = RecordingSurvey {
            is_old: blocks.is_old(),
            ..RecordingSurvey::default()
        };
        let mut decoder = Decoder::new(None);
        let mut has_begun = false;
        while let Some(block) = blocks.next()? {
            let (first, last) = survey.span_us.unwrap_or((block.at_us, block.at_us));
            survey.span_us = Some((first, last.max(block.at_us)));
            let bytes = block.payload.len() as u64;
            match block.kind {
                BlockKind::Received => survey.received_bytes += bytes,
                BlockKind::Sent => survey.sent_bytes += bytes,
                BlockKind::Started => survey.sessions += 1,
                BlockKind::Context => {}
                BlockKind::Note => survey.notes += 1,
                BlockKind::Other(_) => survey.unknown_blocks += 1,
            }
            if is_board_output(&block, &mut has_begun) {
                decoder.receive(&block.payload, &mut |event| survey.take(event));
            }
        }
        decoder.finish(&mut |event| survey.take(event));
        (survey.whole_bytes, survey.cut_at) = (blocks.at(), blocks.cut_at());
        Ok(survey)
    }

    fn take(&mut self, event: LineEvent) {
        match event {
            LineEvent::Fault(_) => self.faults += 1,
            LineEvent::Welcome { board, .. } if !self.boards.contains(&board) => {
                self.boards.push(board);
            }
            _ => {}
        }
    }
}
