//! A line that another program uses, or used: decodes the board's side of it.

use wire::{Event, Frame, Inbox, Splitter};

use super::state::{Peer, SessionEvent, is_from_target};

/// Decodes both kinds of line: text with events in between, and another host's session.
pub struct PassiveDecoder {
    splitter: Splitter<{ wire::LARGEST }>,
    state: PassiveState,
}

/// Everything except the splitter, from which frames are borrowed.
struct PassiveState {
    peer: Option<Peer>,
    session: u32,
    inbox: Inbox,
}

impl Default for PassiveDecoder {
    fn default() -> Self {
        PassiveDecoder {
            splitter: Splitter::new(),
            state: PassiveState {
                peer: None,
                session: 0,
                inbox: Inbox::EMPTY,
            },
        }
    }
}

impl PassiveDecoder {
    /// Decodes bytes from the line.
    pub fn receive(&mut self, bytes: &[u8], emit: &mut dyn FnMut(SessionEvent<'_>)) {
        for byte in bytes {
            match self.splitter.feed(*byte) {
                Some(wire::Split::Text(text)) => emit(SessionEvent::Text(text)),
                Some(wire::Split::Frame(frame)) => self.state.frame(&frame, emit),
                Some(wire::Split::Bad(_)) | None => {}
            }
        }
    }
}

impl PassiveState {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(SessionEvent<'_>)) {
        match Event::decode(frame) {
            Ok(Event::Welcome(welcome)) => {
                if welcome.session != self.session {
                    (self.session, self.inbox) = (welcome.session, Inbox::EMPTY);
                }
                let peer = Peer {
                    version: welcome.version,
                    board: welcome.board.to_owned(),
                    ticks_per_second: welcome.ticks_per_second,
                    xlen: welcome.xlen,
                };
                // A board that is greeted again is the same one, unless its name differs.
                if self.peer.as_ref() != Some(&peer) {
                    self.peer = Some(peer.clone());
                    emit(SessionEvent::Opened(peer));
                }
            }
            // Retransmitted frames are emitted once.
            Ok(Event::Stream(channel, payload)) => {
                if let Some(bytes) = self.inbox.take(payload) {
                    emit(SessionEvent::Bytes(channel, bytes));
                }
            }
            Ok(Event::Unknown { kind, .. }) if !is_from_target(kind) => {}
            Ok(Event::Faults(_) | Event::Lost { .. } | Event::Unknown { .. }) => {
                emit(SessionEvent::Event {
                    kind: frame.kind,
                    payload: frame.payload,
                });
            }
            Ok(Event::Heard { .. }) | Err(wire::Malformed) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{BlockKind, Blocks};

    #[test]
    fn a_recorded_session_is_text_and_events_again() {
        let recorded = include_bytes!("../../../cli/tests/captures/run.pwlog");
        let mut blocks = Blocks::new(&recorded[..]).unwrap();
        let mut decoder = PassiveDecoder::default();
        let (mut text, mut events, mut boards) = (Vec::new(), 0, Vec::new());
        while let Some(block) = blocks.next().unwrap() {
            assert!(matches!(
                block.kind,
                BlockKind::Received | BlockKind::Started
            ));
            if block.kind != BlockKind::Received {
                continue;
            }
            decoder.receive(&block.payload, &mut |heard| match heard {
                SessionEvent::Text(said) | SessionEvent::Bytes(wire::Channel::Console, said) => {
                    text.extend_from_slice(said);
                }
                SessionEvent::Event { .. } => events += 1,
                SessionEvent::Opened(peer) => boards.push(peer.board),
                _ => {}
            });
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("pace_test: 40 faults"), "{text}");
        assert!(!text.contains('\0'));
        assert_eq!(boards, ["qemu-virt"]);
        assert!(events > 40, "{events}");
    }

    #[test]
    fn an_event_of_a_newer_target_is_passed_on() {
        let mut out = [0; 64];
        let frame = Frame {
            kind: 0xb3,
            sequence: 0,
            payload: b"new",
        };
        let used = frame.encode(&mut out).unwrap();
        let mut events = Vec::new();
        PassiveDecoder::default().receive(&out[..used], &mut |event| match event {
            SessionEvent::Event { kind, payload } => events.push((kind, payload.to_vec())),
            other => panic!("{other:?}"),
        });
        assert_eq!(events, [(0xb3, b"new".to_vec())]);
    }
}
