# The provisional map of RV64: a root, one table for the high window, and one for each GiB
# that the Image and the device tree touch (at most four). Leaves of 2 MiB.
#
#   in   s2 physical base of the Image   s3 memory-type bits of RAM
#   keeps s4 root table   s5 next free table   s10 leaf flags

# The tables, empty, and the kernel where it is linked. Uses t0-t5.
map_kernel:
    lla     s4, provisional
    mv      t0, s4
    li      t1, {provisional_bytes}
    add     t1, t1, t0
1:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    addi    t0, t0, 32
    bltu    t0, t1, 1b
    lui     t0, 1
    add     s5, s4, t0              # the high table
    ori     s10, s3, 0xcf            # V R W X A D
    srli    t1, s5, 2
    ori     t1, t1, 1
    li      t2, {link_index} * 8
    add     t2, t2, s4
    sd      t1, 0(t2)
    mv      t1, s5
    mv      t2, s2
    lla     t3, _end
    li      t5, {leaf_bytes}
2:  srli    t4, t2, 2
    or      t4, t4, s10
    sd      t4, 0(t1)
    addi    t1, t1, 8
    add     t2, t2, t5
    bltu    t2, t3, 2b
    add     s5, s5, t0              # next free table
    ret

# One leaf for physical address a0 (aligned), at the identity and in the physmap. Both share
# the table, so a GiB costs one. Uses t0-t2.
map_leaf:
    srli    t0, a0, 30
    andi    t0, t0, 0xff
    slli    t0, t0, 3
    add     t0, t0, s4
    ld      t1, 0(t0)
    bnez    t1, 1f
    srli    t1, s5, 2
    ori     t1, t1, 1
    sd      t1, 0(t0)
    li      t2, 2048                # root index 256: the physmap
    add     t2, t2, t0
    sd      t1, 0(t2)
    lui     t2, 1
    add     s5, s5, t2
1:  srli    t1, t1, 10
    slli    t1, t1, 12
    srli    t2, a0, 21
    andi    t2, t2, 511
    slli    t2, t2, 3
    add     t1, t1, t2
    srli    t2, a0, 2
    or      t2, t2, s10
    sd      t2, 0(t1)
    ret
