//! SHOW: a model in, bytes out to a writer.

#![warn(missing_docs)]

pub mod chart;
pub mod columns;
pub mod entries;
pub mod explain;
pub mod faults;
pub mod fields;
pub mod json;
pub mod layout;
pub mod live;
pub mod map;
pub mod probe;
pub mod tasks;
pub mod walk;
pub mod words;
