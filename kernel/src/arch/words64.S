# A word of a register: what RV64 and RV32 name differently.
    .equ WORD, 8
    .macro lx reg, place
    ld      \reg, \place
    .endm
    .macro sx reg, place
    sd      \reg, \place
    .endm
# A page number; an entry's size as a shift; eight bytes from memory to memory, or from a
# register; the time.
    .equ ENTRY_SHIFT, 3
    .macro lwu_ reg, place
    lwu     \reg, \place
    .endm
    .macro copy8 by, to, at, from, place
    ld      \by, \place(\from)
    sd      \by, \at(\to)
    .endm
    .macro put8 reg, at, to
    sd      \reg, \at(\to)
    .endm
    .macro now by, b, c, at, to
    csrr    \by, time
    sd      \by, \at(\to)
    .endm
    .equ COST_READY, 82
    .equ COST_ZERO, 622
    .equ COST_CBOZ, 224
    .macro zero512 at
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sx      zero, \n*WORD+0(\at)
    sx      zero, \n*WORD+256(\at)
    .endr
    .endm
