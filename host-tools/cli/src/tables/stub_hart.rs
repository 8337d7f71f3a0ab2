//! `--hart` at a gdb stub: which of its threads the registers are of.

use anyhow::Context;
use link::gdb::Stub;

use super::SpaceArgs;
use crate::board;
use crate::exit::UsageError;

impl SpaceArgs {
    /// Connects to a stub for the registers of the hart that `--hart` names, or of the one that the stub has
    /// chosen. Where it has several, which one it is goes to stderr.
    pub fn stub_of_hart(&self, address: &str) -> anyhow::Result<Stub> {
        let name = || format!("gdb://{address}");
        let mut stub = board::stub(address)?;
        let threads = stub.threads().with_context(name)?;
        let count = threads.ids.len();
        match self.hart() {
            Some(0) if count == 0 => {}
            Some(number) => {
                let Some(id) = threads.ids.get(number as usize) else {
                    let last = count.max(1) - 1;
                    let misuse = format!("{}: no hart {number}: it has 0 to {last}", name());
                    return Err(UsageError(misuse).into());
                };
                if !stub.select_thread(id).with_context(name)? {
                    anyhow::bail!("{}: the stub refuses its own thread {id}", name());
                }
            }
            None if count > 1 => {
                let which = threads
                    .current
                    .map_or("one that it does not name".to_owned(), |it| it.to_string());
                eprintln!(
                    "note: {}: {count} harts (threads of the stub); the registers are those of hart {which}; \
                     --hart NUMBER chooses",
                    name()
                );
            }
            None => {}
        }
        Ok(stub)
    }

    /// Index of the hart that the command line names.
    #[cfg(feature = "probe")]
    pub fn hart(&self) -> Option<u32> {
        self.probe.hart()
    }

    /// Without probe support there is no such option.
    #[cfg(not(feature = "probe"))]
    pub fn hart(&self) -> Option<u32> {
        None
    }
}
