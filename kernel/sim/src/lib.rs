//! A machine on the desk: memory, and a TLB that keeps every stale entry.
