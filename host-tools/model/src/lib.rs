//! REMEMBER: faults, address spaces, layouts; no input or output.
