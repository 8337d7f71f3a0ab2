//! What the hart on the bench does that a kernel must not be surprised by: each quirk bites.

mod asids;
mod bench;
mod c906;
mod holes;
