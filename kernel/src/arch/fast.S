# The fast path of a page fault: one page of zeros, entered and recorded without Rust.
#
# Comes in right after `trap_entry` has found a program's trap and kept t0, t1, t3-t5 and a0-a2 in the
# frame, where the general path expects them too. So a test that fails just goes there:
# nothing has been changed before the last test has passed. `mm/fast.rs` has the block.
#
#   t0 the block   a1 scause, until all is sure   a2 the address   t3 where its leaf entry is   t5 the frame   a0 the record
#
# COST_… is how many instructions it takes from the first of `trap_entry` to `sret`: always the
# same, so that it need not be counted. A test compares it with what a program feels. On a hart that
# cannot count, `entry.S` makes zeros of them: no record has a cost there.

    lx      t0, {fast}(tp)

    # A load or store that found no page? 13 and 15 differ in bit 1; an interrupt has the top
    # bit, a fetch is 12.
    csrr    a1, scause
    csrr    a2, stval
    andi    t3, a1, -3
    addi    t3, t3, -13
    bnez    t3, general

    # In the window? It is zeros that may be read and written, so there are no rights to look
    # at; a closed one has no length. Unsigned: an address below it is far above.
    lx      t3, {base}(t0)
    sub     t3, a2, t3
    lx      t4, {bytes}(t0)
    bgeu    t3, t4, general

    # Is the entry empty? Anything else there, an A bit that is missing or a page that no
    # access may touch at present, is left to the general path.
    srli    t3, t3, 12
    slli    t3, t3, ENTRY_SHIFT
    lx      t4, {leaf}(t0)
    add     t3, t3, t4
    lx      t4, 0(t3)
    bnez    t4, general

    # Is there a frame to be given out and room for its record?
    lx      t4, {room}(t0)
    beqz    t4, general

    # A frame full of zeros?
    lx      t1, {count}(t0)
    beqz    t1, zero_now

    # Nothing can fail any more: one less of each.
    addi    t4, t4, -1
    sx      t4, {room}(t0)
    addi    t1, t1, -1
    sx      t1, {count}(t0)
    slli    t1, t1, 2
    add     t1, t1, t0
    lwu_    t5, {zeroed}(t1)
    lx      a0, {record}(t0)
cost_ready:
    li      a1, COST_READY
    sw      a1, 36(a0)

fill_in:
    # The frame's row says whose it is: eight bytes that are the space's, and the page.
    slli    t4, t5, 4
    lx      a1, {rows}(t0)
    add     t4, t4, a1
    copy8   a1, t4, 0, t0, {row}
    srli    a1, a2, 12
    sw      a1, 8(t4)

    # The leaf, with A; for a store (scause bit 1) with D, which is bit 7. One store, then the
    # fence: the hart may hold that nothing was there.
    slli    t4, t5, 10
    lx      a1, {flags}(t0)
    or      t4, t4, a1
    csrr    t1, scause
    andi    t1, t1, 2
    slli    a1, t1, 6
    or      t4, t4, a1
    sx      t4, 0(t3)
    sfence.vma a2, zero

    # The record, all 64 bytes of it: the slot holds an old one.
    now     a1, t4, t3, 0, a0
    csrr    a1, sepc
    put8    a1, 8, a0
    put8    a2, 16, a0
    put8    zero, 24, a0
    sw      t5, 32(a0)
    slli    t1, t1, 2
    add     t1, t1, t0
    copy8   a1, a0, 40, t1, {words}
    copy8   a1, a0, 48, t0, {satp}
    put8    zero, 56, a0
    addi    a0, a0, 64
    sx      a0, {record}(t0)

    lx      t0, 5*WORD(tp)
    lx      t1, 6*WORD(tp)
    lx      a0, 10*WORD(tp)
    lx      a1, 11*WORD(tp)
    lx      a2, 12*WORD(tp)
    lx      t3, 28*WORD(tp)
    lx      t4, 29*WORD(tp)
    lx      t5, 30*WORD(tp)
    csrrw   tp, sscratch, tp
    sret

    # None is ready: the first of the free list, if it has one, and zero it here.
zero_now:
    lx      t1, {active}(t0)
    add     t1, t1, t0
    lwu_    t5, {heads}(t1)
    beqz    t5, general
    addi    t4, t4, -1
    sx      t4, {room}(t0)
    slli    t4, t5, 4
    lx      a1, {rows}(t0)
    add     t4, t4, a1
    lw      t4, 12(t4)              # the next of the list
    sw      t4, {heads}(t1)
    lx      a0, {record}(t0)
    lx      t1, {physmap}(t0)
    slli    t4, t5, 12
    add     t1, t1, t4
    lui     t4, 1
    add     t4, t4, t1              # the frame's end
    lx      a1, {cboz}(t0)
    bnez    a1, 2f
cost_zero:
    li      a1, COST_ZERO
    sw      a1, 36(a0)
1:
    zero512 t1
    addi    t1, t1, 512
    bltu    t1, t4, 1b
    j       fill_in
2:
cost_cboz:
    li      a1, COST_CBOZ
    sw      a1, 36(a0)
3:
    .rept   32
    .insn   i 0x0f, 2, x0, t1, 4    # cbo.zero (t1)
    addi    t1, t1, 64
    .endr
    bltu    t1, t4, 3b
    j       fill_in
