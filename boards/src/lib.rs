//! Boards as data: what a kernel and a packer must know of each.
