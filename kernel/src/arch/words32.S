# A word of a register: what RV64 and RV32 name differently.
    .equ WORD, 4
    .macro lx reg, place
    lw      \reg, \place
    .endm
    .macro sx reg, place
    sw      \reg, \place
    .endm
# A page number; an entry's size as a shift; eight bytes from memory to memory, or from a
# register; the time, whose halves belong together when the upper one did not change meanwhile.
    .equ ENTRY_SHIFT, 2
    .macro lwu_ reg, place
    lw      \reg, \place
    .endm
    .macro copy8 by, to, at, from, place
    lw      \by, \place(\from)
    sw      \by, \at(\to)
    lw      \by, \place+4(\from)
    sw      \by, \at+4(\to)
    .endm
    .macro put8 reg, at, to
    sw      \reg, \at(\to)
    sw      zero, \at+4(\to)
    .endm
    .macro now by, b, c, at, to
9:  csrr    \b, timeh
    csrr    \by, time
    csrr    \c, timeh
    bne     \b, \c, 9b
    sw      \by, \at(\to)
    sw      \b, \at+4(\to)
    .endm
    .equ COST_READY, 96
    .equ COST_ZERO, 1148
    .equ COST_CBOZ, 238
    .macro zero512 at
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sx      zero, \n*WORD+0(\at)
    sx      zero, \n*WORD+128(\at)
    sx      zero, \n*WORD+256(\at)
    sx      zero, \n*WORD+384(\at)
    .endr
    .endm
