//! Formats models: a [`View`] for each model writes a table, JSON or CSV.

#![warn(missing_docs)]

pub mod boards;
#[cfg(feature = "chart")]
pub mod chart;
pub mod columns;
pub mod dashboard;
pub mod diagnosis;
pub mod diff;
pub mod entries;
pub mod explain;
#[cfg(feature = "export")]
pub mod export;
pub mod faults;
pub mod fields;
pub mod find;
pub mod guest_map;
pub mod hart;
pub mod json;
pub mod layout;
pub mod lint;
pub mod live;
pub mod map;
pub mod pmp;
pub mod probe;
pub mod recorded_walk;
pub mod report;
pub mod roots;
pub mod rows;
pub mod stacks;
pub mod stats;
pub mod tasks;
pub mod two_stage;
mod view;
pub mod walk;
pub mod words;
pub mod working;

pub use view::View;
