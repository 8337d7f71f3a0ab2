//! What waits goes to the device, in the form in which it travels.

use wire::Channel;

use super::Console;
use super::dialogue::{Dialogue, LineMode};
use super::session::PART;
use crate::drivers::Registers;

impl<R: Registers> Console<R> {
    /// Gives the device what it takes now; a frame that has begun goes first and whole.
    pub(super) fn send(&mut self) -> usize {
        self.prepare();
        let Some(uart) = &mut self.uart else { return 0 };
        let rest = self.outgoing.rest();
        let sent = if !rest.is_empty() {
            let sent = uart.send(rest.iter().copied());
            self.outgoing.sent(sent);
            sent
        } else {
            match self.dialogue.mode {
                LineMode::Plain => {
                    let sent = uart.send(self.out.iter());
                    self.out.consume(sent);
                    self.text += sent;
                    sent
                }
                LineMode::Gdb if self.dialogue.may_send_notice() => {
                    let sent = uart.send(self.dialogue.notice().iter().copied());
                    self.dialogue.notice_sent(sent);
                    sent
                }
                LineMode::Gdb => {
                    let sent = uart.send(self.dialogue.gdb.rest().iter().copied());
                    self.dialogue.gdb.sent(sent);
                    sent
                }
                LineMode::Session => 0,
            }
        };
        if sent > 0 {
            self.stuck = false;
            self.moved += sent as u64;
        }
        let waiting = self.has_something();
        if let Some(uart) = &mut self.uart {
            uart.want_room(waiting);
        }
        sent
    }

    /// Puts what waits into the form in which it travels.
    fn prepare(&mut self) {
        let Dialogue {
            gdb, session, mode, ..
        } = &mut self.dialogue;
        match mode {
            LineMode::Plain => {}
            LineMode::Gdb => {
                if !self.is_halted && gdb.is_quiet() && self.out.used() > 0 {
                    let shown = gdb.say(self.out.iter());
                    self.out.consume(shown);
                }
            }
            LineMode::Session => {
                while session.has_room() && !gdb.rest().is_empty() {
                    let rest = gdb.rest();
                    let part = &rest[..rest.len().min(PART)];
                    let bytes = part.len();
                    session.send(Channel::Gdb, part, self.now);
                    gdb.sent(bytes);
                }
                while session.has_room() && self.out.used() > 0 {
                    let mut part = [0; PART];
                    let bytes = part
                        .iter_mut()
                        .zip(self.out.iter())
                        .map(|(to, from)| *to = from)
                        .count();
                    session.send(Channel::Console, &part[..bytes], self.now);
                    self.out.consume(bytes);
                }
                if self.outgoing.is_free() {
                    session.begin(&mut self.outgoing);
                }
            }
        }
    }
}
