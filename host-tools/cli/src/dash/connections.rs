//! Connections of the web page: limited in number, and closed when they make no progress.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

/// Maximum number of connections. Programs may have 1024 open files; a browser opens six connections.
const MOST: usize = 512;
/// A connection without traffic for this time is closed.
const IDLE: Duration = Duration::from_secs(60);
/// A connection that accepts no output for this time is closed.
const STUCK: Duration = Duration::from_secs(10);

/// A limited number of slots.
#[derive(Clone, Default)]
pub struct ListenerSlots(Arc<AtomicUsize>);

/// A used slot, freed on drop.
pub struct ListenerSlot(Arc<AtomicUsize>);

impl ListenerSlots {
    /// Takes a slot; `None` if `most` are in use.
    pub fn take(&self, most: usize) -> Option<ListenerSlot> {
        let taken = self.0.fetch_add(1, Ordering::Relaxed);
        let place = ListenerSlot(Arc::clone(&self.0));
        (taken < most).then_some(place)
    }
}

impl Drop for ListenerSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The listening socket of the page.
pub struct Door {
    listener: TcpListener,
    places: ListenerSlots,
    patience: Patience,
}

/// Time limits: without any traffic, and with unsent output.
#[derive(Clone, Copy)]
struct Patience {
    idle: Duration,
    stuck: Duration,
}

impl Door {
    /// Accepts connections from a listener.
    pub fn new(listener: TcpListener) -> Door {
        Door {
            listener,
            places: ListenerSlots::default(),
            patience: Patience {
                idle: IDLE,
                stuck: STUCK,
            },
        }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // A connection above the limit is closed at once; stuck ones end soon.
            if let Some(place) = self.places.take(MOST) {
                let connection = Connection {
                    stream,
                    limit: Box::pin(sleep_until(Instant::now() + self.patience.idle)),
                    patience: self.patience,
                    moved: Instant::now(),
                    is_stuck: false,
                    _place: place,
                };
                return (connection, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends by itself when it makes no progress.
pub struct Connection {
    stream: TcpStream,
    limit: Pin<Box<Sleep>>,
    patience: Patience,
    /// Time of the last traffic.
    moved: Instant,
    /// Whether output is waiting for the peer.
    is_stuck: bool,
    _place: ListenerSlot,
}

impl Connection {
    /// The result of the stream, or a timeout error while it is pending.
    fn limited<T>(
        &mut self,
        context: &mut Context<'_>,
        answer: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if answer.is_ready() {
            self.moved = Instant::now();
            return answer;
        }
        let Patience { idle, stuck } = self.patience;
        let patience = if self.is_stuck { stuck } else { idle };
        self.limit.as_mut().reset(self.moved + patience);
        match self.limit.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let answer = Pin::new(&mut self.stream).poll_read(context, into);
        self.limited(context, answer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let answer = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.is_stuck = answer.is_pending();
        self.limited(context, answer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = ListenerSlots::default();
        let (one, two) = (places.take(2), places.take(2));
        assert!(one.is_some() && two.is_some() && places.take(2).is_none());
        drop(one);
        assert!(places.take(2).is_some());
    }

    /// Uses a connection to an idle peer until it ends.
    fn ends(patience: Patience, writes: bool) -> io::ErrorKind {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let _somebody = TcpStream::connect(address).await.unwrap();
            let mut door = Door {
                patience,
                ..Door::new(listener)
            };
            let (mut connection, _) = Listener::accept(&mut door).await;
            loop {
                let used = std::future::poll_fn(|context| {
                    let connection = Pin::new(&mut connection);
                    if writes {
                        return connection.poll_write(context, &[0; 1 << 16]).map_ok(drop);
                    }
                    let mut into = [0; 16];
                    connection.poll_read(context, &mut ReadBuf::new(&mut into))
                });
                if let Err(error) = used.await {
                    return error.kind();
                }
            }
        })
    }

    #[test]
    fn who_takes_nothing_and_who_says_nothing_is_let_go() {
        let (long, short) = (Duration::from_secs(3600), Duration::from_millis(20));
        let patience = |idle, stuck| Patience { idle, stuck };
        assert_eq!(ends(patience(long, short), true), io::ErrorKind::TimedOut);
        assert_eq!(ends(patience(short, long), false), io::ErrorKind::TimedOut);
    }
}
