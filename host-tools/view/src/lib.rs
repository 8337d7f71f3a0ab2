//! SHOW: a model in, bytes out to a writer.
