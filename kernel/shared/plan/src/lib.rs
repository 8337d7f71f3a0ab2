//! What the kernel maps of a board, as ranges.
//!
//! ```text
//! sections of the Image --.
//! RAM, reserved memory ----+--> ranges --> the kernel's boot map: tables in the Image
//! pages of devices -------'           `--> `pagewalk map --planned`: the same, before any kernel ran
//! ```
//!
//! The kernel writes the ranges into tables at boot; the host shows them for a board that has not been started.
//! Both walk the same three lists: [`image`], [`ram`] and [`devices`].

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod layout;
mod parts;
mod range;

pub use layout::{CONSOLE, PLIC, VirtualLayout};
pub use parts::{
    DevicePage, ImageSections, PlicPages, Put, device_pages, devices, image, ram, read_only,
};
pub use range::Range;
