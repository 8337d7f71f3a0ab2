//! Whoever waits for something waits on a thread of its own, and tells the hub.

use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::mpsc::Sender;

use super::{ClientRole, HubEvent};

/// Reads to the end on a thread of its own.
pub(super) fn read_on(
    mut reader: impl Read + Send + 'static,
    sender: Sender<HubEvent>,
    said: impl Fn(Vec<u8>) -> HubEvent + Send + 'static,
    ended: impl FnOnce(Option<io::Error>) -> Option<HubEvent> + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut piece = vec![0; 4096];
        let end = loop {
            match reader.read(&mut piece) {
                Ok(0) => break None,
                Ok(length) => {
                    if sender.send(said(piece[..length].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        if let Some(last) = ended(end) {
            // Nobody is left to tell when the hub itself has ended.
            let _ = sender.send(last);
        }
    });
}

/// Takes whoever connects, on a thread of its own.
pub(super) fn accept(listener: TcpListener, role: ClientRole, sender: Sender<HubEvent>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Every acknowledgement is a packet of its own, or gdb waits for each.
            let _ = stream.set_nodelay(true);
            if sender.send(HubEvent::Arrived(role, stream)).is_err() {
                return;
            }
        }
    });
}
