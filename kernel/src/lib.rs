//! A demand-paging kernel for RISC-V with an MMU.
