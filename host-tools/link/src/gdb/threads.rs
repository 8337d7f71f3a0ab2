//! Harts behind one stub: it calls them threads, and registers are those of one of them.
//!
//! Protocol: "Debugging with GDB", appendix E, `qfThreadInfo`, `qC`, `Hg`. QEMU and OpenOCD have a thread for
//! each hart, in their order; a kernel's own stub has one for each of its tasks.

use super::{Stub, StubError};

/// Most threads that are listed: harts of any machine, and tasks of most kernels.
const MOST_THREADS: usize = 1 << 12;

/// The threads of a stub, and which of them its registers are read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StubThreads {
    /// Ids in the stub's order and words, as `p1.2`.
    pub ids: Vec<String>,
    /// Index of the one in use; `None` if the stub does not say it.
    pub current: Option<usize>,
}

impl Stub {
    /// The stub's threads; none for a stub that has no such request.
    pub fn threads(&mut self) -> Result<StubThreads, StubError> {
        let mut threads = StubThreads::default();
        let mut said = self.ask("qfThreadInfo")?;
        while let Some((b'm', list)) = said.split_first() {
            let list = String::from_utf8_lossy(list);
            let ids = list.split(',').filter(|id| is_id(id)).map(str::to_owned);
            threads.ids.extend(ids);
            if threads.ids.len() > MOST_THREADS || list.is_empty() {
                break;
            }
            said = self.ask("qsThreadInfo")?;
        }
        if threads.ids.len() > 1 {
            let current = self.ask("qC")?;
            let current = current.strip_prefix(b"QC").map(String::from_utf8_lossy);
            threads.current = current.and_then(|id| threads.ids.iter().position(|it| *it == id));
        }
        Ok(threads)
    }

    /// Reads registers of the thread with this id from now on; false if the stub refuses.
    pub fn select_thread(&mut self, id: &str) -> Result<bool, StubError> {
        Ok(self.ask(&format!("Hg{id}"))? == b"OK")
    }
}

/// Whether it is a thread id of the protocol: hexadecimal, with a process before it or not.
fn is_id(id: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_hexdigit());
    match id.strip_prefix('p') {
        Some(both) => both
            .split_once('.')
            .is_some_and(|(process, thread)| digits(process) && digits(thread)),
        None => digits(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_with_a_process_or_without() {
        for id in ["1", "0a", "p1.2", "p01.01"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "p1", "p.1", "-1", "1 2", "p1.2.3", "x"] {
            assert!(!is_id(id), "{id}");
        }
    }
}
