# The provisional map of RV32: one root table of 4 MiB leaves.
#
#   in   s2 physical base of the Image
#   keeps s4 root table   s10 leaf flags

# The table, empty, and the kernel where it is linked. Uses t0-t5.
map_kernel:
    lla     s4, provisional
    mv      t0, s4
    li      t1, {provisional_bytes}
    add     t1, t1, t0
1:  sw      zero, 0(t0)
    sw      zero, 4(t0)
    sw      zero, 8(t0)
    sw      zero, 12(t0)
    addi    t0, t0, 16
    bltu    t0, t1, 1b
    li      s10, 0xcf                # V R W X A D
    li      t1, {link_index} * 4
    add     t1, t1, s4
    mv      t2, s2
    lla     t3, _end
    li      t5, {leaf_bytes}
2:  srli    t4, t2, 2
    or      t4, t4, s10
    sw      t4, 0(t1)
    addi    t1, t1, 4
    add     t2, t2, t5
    bltu    t2, t3, 2b
    ret

# One leaf for physical address a0 (aligned), at the identity, which is the physmap too. What
# is mapped stays: the kernel may not lose the ground that it is linked on. Uses t0, t1.
map_leaf:
    srli    t0, a0, 22
    slli    t0, t0, 2
    add     t0, t0, s4
    lw      t1, 0(t0)
    bnez    t1, 1f
    srli    t1, a0, 2
    or      t1, t1, s10
    sw      t1, 0(t0)
1:  ret
