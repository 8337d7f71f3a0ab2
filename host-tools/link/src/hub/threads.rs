//! Blocking reads and accepts, each on a thread that sends to the hub.

use std::io::{self, Read};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;

use super::{ClientRole, HubEvent};

/// Reads to the end on a thread of its own.
pub(super) fn read_on(
    mut reader: impl Read + Send + 'static,
    sender: SyncSender<HubEvent>,
    said: impl Fn(Vec<u8>) -> HubEvent + Send + 'static,
    ended: impl FnOnce(Option<io::Error>) -> Option<HubEvent> + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut piece = vec![0; 4096];
        let read = || loop {
            match reader.read(&mut piece) {
                Ok(0) => break None,
                Ok(length) => {
                    if sender.send(said(piece[..length].to_vec())).is_err() {
                        break None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        // A panicked reader must be distinguishable from a silent line.
        let end = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
            let what = "the thread that reads the line has panicked, which is a bug of pagewalk";
            Some(io::Error::other(what))
        });
        if let Some(last) = ended(end) {
            // The send fails only after the hub has ended.
            let _ = sender.send(last);
        }
    });
}

/// Accepts connections on a thread of its own.
pub(super) fn accept(listener: TcpListener, role: ClientRole, sender: SyncSender<HubEvent>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Without TCP_NODELAY gdb would wait for each acknowledgement.
            let _ = stream.set_nodelay(true);
            if sender.send(HubEvent::Arrived(role, stream)).is_err() {
                return;
            }
        }
    });
}
