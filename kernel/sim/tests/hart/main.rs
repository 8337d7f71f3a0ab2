//! What the hart on the desk does that a kernel must not be surprised by: each quirk bites.

mod asids;
mod c906;
mod desk;
mod holes;
