//! Programs for the board, and the little they share.
