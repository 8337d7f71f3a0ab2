//! The allocator against a plain model, and what each call promises.
