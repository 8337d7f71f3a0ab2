//! HEAR: everything that brings bytes from a board to the desk.
