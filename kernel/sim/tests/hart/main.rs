//! Each behaviour of the simulated hart that a kernel must handle.

mod asids;
mod bench;
mod c906;
mod holes;
