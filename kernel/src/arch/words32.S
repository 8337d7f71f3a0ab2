# A word of a register: what RV64 and RV32 name differently.
    .equ WORD, 4
    .macro lx reg, place
    lw      \reg, \place
    .endm
    .macro sx reg, place
    sw      \reg, \place
    .endm
