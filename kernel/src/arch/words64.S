# A word of a register: what RV64 and RV32 name differently.
    .equ WORD, 8
    .macro lx reg, place
    ld      \reg, \place
    .endm
    .macro sx reg, place
    sd      \reg, \place
    .endm
