//! The board's serial line: this terminal, or a line that other programs open.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use crate::exit::UsageError;
use crate::output;
use crate::pty::{self, RetryingWriter};
use anyhow::Context;

/// Keys that come, and where the board's words go.
pub struct SerialEnd {
    /// None where no keys can come: a script without input.
    pub keys: Option<Receiver<Vec<u8>>>,
    pub words: Box<dyn Write>,
    /// A person sits at it: Ctrl-] leaves.
    pub is_terminal: bool,
}

/// This terminal; `listens` to what is typed.
pub fn terminal(listens: bool) -> SerialEnd {
    SerialEnd {
        keys: listens.then(|| {
            let (to, keys) = mpsc::channel();
            std::thread::spawn(move || pass_on(io::stdin(), &to));
            keys
        }),
        words: Box::new(io::stdout()),
        is_terminal: true,
    }
}

/// A line of its own, which is said on stdout. One program at a time; what is said while there is none is
/// lost, as on a wire.
pub fn open(spec: &str) -> anyhow::Result<SerialEnd> {
    if spec == "pty" {
        return terminal_of_its_own();
    }
    if let Some(address) = spec.strip_prefix("tcp://") {
        let listener = TcpListener::bind(address).with_context(|| spec.to_owned())?;
        let place = format!("tcp://{}", listener.local_addr()?);
        return serve(&place, move || {
            let stream = listener.accept()?.0;
            // A key is a packet: none waits for the next.
            stream.set_nodelay(true)?;
            Ok((stream.try_clone()?, stream))
        });
    }
    if let Some(path) = spec.strip_prefix("unix:") {
        let listener = bind(Path::new(path)).with_context(|| spec.to_owned())?;
        return serve(spec, move || {
            let stream = listener.accept()?.0;
            Ok((stream.try_clone()?, stream))
        });
    }
    let known = "there are pty, tcp://HOST:PORT, unix:PATH";
    Err(UsageError(format!("`{spec}` is not a line to open; {known}")).into())
}

/// What an earlier run has left at a path is no reason to refuse; anything else is.
fn bind(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;

    let is_left_over = std::fs::symlink_metadata(path)
        .is_ok_and(|it| it.file_type().is_socket() && UnixStream::connect(path).is_err());
    if is_left_over {
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

fn terminal_of_its_own() -> anyhow::Result<SerialEnd> {
    let made = pty::make().context("no terminal could be made")?;
    let (from, words) = (made.ours.try_clone()?, made.ours.try_clone()?);
    say(&made.path.display().to_string())?;
    let (to, keys) = mpsc::channel();
    std::thread::spawn(move || {
        // Held open for as long as the board runs.
        let _made = made;
        pass_on(from, &to);
    });
    Ok(SerialEnd {
        keys: Some(keys),
        words: Box::new(RetryingWriter(words)),
        is_terminal: false,
    })
}

fn say(place: &str) -> io::Result<()> {
    output::answer(|out| writeln!(out, "serial    {place}"))
}

/// The client that is connected now, if there is one.
type Peer = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

fn serve<R: Read + 'static, W: Write + Send + 'static>(
    place: &str,
    accept: impl Fn() -> io::Result<(R, W)> + Send + 'static,
) -> anyhow::Result<SerialEnd> {
    let (to, keys) = mpsc::channel();
    let peer: Peer = Arc::default();
    let words = Box::new(SharedLog(Arc::clone(&peer)));
    std::thread::spawn(move || {
        while let Ok((from, words)) = accept() {
            set(&peer, Some(Box::new(words)));
            pass_on(from, &to);
            set(&peer, None);
        }
    });
    say(place)?;
    Ok(SerialEnd {
        keys: Some(keys),
        words,
        is_terminal: false,
    })
}

fn set(peer: &Peer, words: Option<Box<dyn Write + Send>>) {
    *peer.lock().unwrap_or_else(|it| it.into_inner()) = words;
}

/// To the client that is connected; one that has gone is no error.
struct SharedLog(Peer);

impl Write for SharedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut peer = self.0.lock().unwrap_or_else(|it| it.into_inner());
        if let Some(words) = peer.as_mut()
            && words.write_all(bytes).is_err()
        {
            *peer = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keys as they come, until the end of the input.
fn pass_on(mut from: impl Read, to: &Sender<Vec<u8>>) {
    let mut piece = [0; 256];
    loop {
        match from.read(&mut piece) {
            Ok(length @ 1..) if to.send(piece[..length].to_vec()).is_ok() => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}
