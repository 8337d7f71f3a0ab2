//! MAKE: definitions and files in, image bytes out.
