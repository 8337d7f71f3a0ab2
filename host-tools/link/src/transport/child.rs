//! Child processes that end with this one, even if a signal kills it.
//!
//! Destructors do not run when a signal kills a program. So Linux is asked to send SIGKILL to the child when
//! its parent ends (`PR_SET_PDEATHSIG`). Only the child can request that, between `fork` and `exec`, where
//! safe Rust cannot run code. Therefore this program is started as an intermediate step, which makes the
//! request and executes the child:
//!
//! ```text
//! pagewalk ── keeper thread ── /proc/self/exe __child 4711 -- qemu-system-riscv64 …
//!                                     prctl, getppid() == 4711?, execve
//! ```
//!
//! The signal is sent when the *thread* that started the child ends, not the process: the keeper thread lives
//! as long as the child.

use std::ffi::OsString;
use std::io;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// First argument of the intermediate step.
pub const VERB: &str = "__child";

/// Whether the running program handles [`VERB`].
static HAS_VERB: OnceLock<()> = OnceLock::new();

/// Declares that the running program calls [`become_child`] when its first argument is [`VERB`]. Without
/// this, children are started directly and outlive a killed parent.
pub fn enable() {
    // A second call has no effect.
    let _ = HAS_VERB.set(());
}

/// A program on pipes, killed and waited for on drop.
pub struct Keeper {
    /// The keeper thread waits until this is dropped.
    holds: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.holds.take());
        if let Some(thread) = self.thread.take() {
            // A panicked keeper thread has ended, and its child with it.
            let _ = thread.join();
        }
    }
}

/// Starts a program with its input and output on pipes.
pub fn start(
    program: &str,
    arguments: &[OsString],
) -> io::Result<(ChildStdout, ChildStdin, Keeper)> {
    if !is_there(program) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut command = command(program);
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (holds, released) = channel::<()>();
    let (sender, started) = channel();
    let thread = thread::Builder::new()
        .name("keeper".to_owned())
        .spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            let halves = child.stdout.take().zip(child.stdin.take());
            let _ = sender.send(halves.ok_or_else(|| io::ErrorKind::BrokenPipe.into()));
            // Nothing is ever sent: the receive ends when the keeper is dropped.
            let _ = released.recv();
            end(&mut child);
        })?;
    let keeper = Keeper {
        holds: Some(holds),
        thread: Some(thread),
    };
    let (reader, writer) = started
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that starts it has ended")))?;
    Ok((reader, writer, keeper))
}

fn end(child: &mut Child) {
    // It may have exited by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// The program, started through the intermediate step if possible.
fn command(program: &str) -> Command {
    if cfg!(target_os = "linux") && HAS_VERB.get().is_some() {
        // Not the path: the file may have been replaced since the start.
        let mut command = Command::new("/proc/self/exe");
        let parent = std::process::id().to_string();
        command.args([VERB, &parent, "--", program]);
        return command;
    }
    Command::new(program)
}

/// Whether `PATH` contains the program. The intermediate step could only report that on stderr.
fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return std::path::Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The intermediate step: `words` are the arguments after [`VERB`]. Returns only on failure.
pub fn become_child(mut words: impl Iterator<Item = OsString>) -> io::Error {
    let usage = || {
        let what = format!("{VERB} PID -- PROGRAM ARGUMENT…; for pagewalk's own use");
        io::Error::new(io::ErrorKind::InvalidInput, what)
    };
    let parent = words.next().and_then(|word| word.to_str()?.parse().ok());
    let (Some(parent), Some(_), Some(program)) = (parent, words.next(), words.next()) else {
        return usage();
    };
    if let Err(error) = end_with(parent) {
        return error;
    }
    execute(&program, words)
}

#[cfg(target_os = "linux")]
fn end_with(parent: i32) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the request: then no signal follows.
    if getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == parent) {
        return Ok(());
    }
    set_parent_process_death_signal(None)?;
    Err(io::Error::other("the parent has ended"))
}

#[cfg(not(target_os = "linux"))]
fn end_with(_: i32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn execute(program: &OsString, arguments: impl Iterator<Item = OsString>) -> io::Error {
    use std::os::unix::process::CommandExt;

    let error = Command::new(program).args(arguments).exec();
    io::Error::new(error.kind(), format!("{}: {error}", program.display()))
}

#[cfg(not(unix))]
fn execute(_: &OsString, _: impl Iterator<Item = OsString>) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_program_speaks_on_pipes_and_ends_with_its_keeper() {
        let script = ["-c", "echo $$; exec cat"].map(OsString::from);
        let (mut reader, mut writer, keeper) = start("sh", &script).expect("a shell");
        writer.write_all(b"hello\n").expect("it reads");
        let mut said = Vec::new();
        while !said.ends_with(b"hello\n") {
            let mut byte = [0];
            reader.read_exact(&mut byte).expect("it speaks");
            said.push(byte[0]);
        }
        drop(keeper);
        // It was waited for: its end of the pipe is closed.
        assert_eq!(reader.read(&mut [0]).expect("an end"), 0);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_of_whoever_starts_it() {
        let error = start("no-such-program", &[]).err().expect("not there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_child_whose_parent_has_gone_does_not_begin() {
        // Not the parent's process id.
        let words = ["1999999999", "--", "true"].map(OsString::from);
        let error = become_child(words.into_iter());
        if cfg!(target_os = "linux") {
            assert!(error.to_string().contains("parent has ended"), "{error}");
        }
        let error = become_child(["x"].map(OsString::from).into_iter());
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
