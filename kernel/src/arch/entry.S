# From the loader's jump to the first line of Rust.
#
# Nothing here is compressed: a hart that lacks what the kernel is built for must be able to run as
# far as the line that says so (`refuse.S`). Until Rust's own handler stands, stvec is `refuse`, and
# s6 holds the text that a trap means.
#
# The Image header (Linux, Documentation/arch/riscv/boot-image-header) comes first,
# then the provisional map: Rust's own tables hold link-time addresses, so Rust can
# only run where it was linked. Entered in S-mode, MMU off, a0 = hart, a1 = device tree.
#
#   s0 hart      s1 device tree (physical)     s2 physical base of the Image
#   s3 memory-type bits for RAM leaves (T-Head with MAEE, else 0)
#   s4 root table   s5 next table   s6 the text for a trap   s7-s9 `map_to`   s10 leaf flags
#   s11 instructions so far, 0 where they cannot be counted

    .section .head, "ax"
    .option norelax
    .option norvc
    .globl _start
_start:
    j       enter                   # not the "MZ" of EFI: a hart without C could not run that
    .word   0
    .dword  {text_offset}
    .dword  _end - _start           # image_size: the packer writes the file's length
    .dword  0                       # flags: little endian
    .word   2                       # header version 0.2
    .word   0
    .dword  0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\x05"
    .word   0

enter:
    mv      s0, a0
    mv      s1, a1

    # Supervisor mode? No CSR says so, and to touch one of machine mode would trap on every good
    # board. But firmware that starts a supervisor gives it its timer interrupt (Privileged spec,
    # mideleg), and after reset no firmware has.
    csrci   sstatus, 2              # SIE
    li      t0, 0x20                # STIE
    csrw    sie, t0
    csrr    t1, sie
    csrw    sie, zero
    and     t1, t1, t0
    beqz    t1, not_delegated

    # Where instret cannot be read (mcounteren.IR), costs are absent: the trap path loses its
    # `rdinstret`, and writes no cost.
    li      s11, 0
    lla     t0, 1f
    csrw    stvec, t0
    rdinstret s11
1:  bnez    s11, 3f
    li      t1, 0x293               # li t0, 0
    lla     t0, general
    sh      t1, 0(t0)
    sh      zero, 2(t0)
    li      t1, 0x593               # li a1, 0
    .irp    site, cost_ready, cost_zero, cost_cboz
    lla     t0, \site
    sh      t1, 0(t0)
    sh      zero, 2(t0)
    .endr
    fence.i
3:
    # What the kernel is built for.
    lla     t0, refuse
    csrw    stvec, t0
    lla     s6, no_time_text
    csrr    zero, time
    lla     s6, no_c_text
    .option rvc
    c.nop
    c.nop
    .option norvc
    lla     s6, no_m_text
    .word   0x020002b3              # mul t0, zero, zero
    lla     s6, no_a_text
    lla     t0, probed
    .word   0x0002a32f              # amoadd.w t1, zero, (t0)
    .if     WORD == 8
    lla     s6, no_d_text
    li      t0, 0x6000              # sstatus.FS
    csrs    sstatus, t0
    .word   0xf2000053              # fmv.d.x ft0, zero
    csrc    sstatus, t0
    .endif
    lla     s2, _start
    lla     s6, trapped_text

    # Only aligned bases fit the leaves of the provisional map.
    li      t0, {leaf_bytes} - 1
    and     t0, t0, s2
    lla     s6, misaligned_text
    bnez    t0, refuse
    lla     s6, trapped_text

    # Which memory-type bits do RAM leaves need? A T-Head hart (SBI mvendorid 0x5b7)
    # with MAEE set takes RAM as non-cacheable unless the leaf says otherwise, and its
    # walker reads tables through the cache: they must be written through it too.
    # The CSR th.sxstatus is never touched on another vendor's hart. Sv32 has no such bits.
    li      s3, 0
    .if     WORD == 8
    li      a7, 0x10
    li      a6, 4                   # sbi_get_mvendorid
    ecall
    li      t0, 0x5b7
    bne     a1, t0, 1f
    csrr    t0, 0x5c0               # th.sxstatus
    srli    t0, t0, 21              # MAEE
    andi    t0, t0, 1
    beqz    t0, 1f
    li      s3, {thead_ram}
1:
    .endif
    # BSS: RAM is never assumed to be zero.
    lla     t0, _bss
    lla     t1, _bss_end
    beq     t0, t1, 3f
2:  .irp n,0,1,2,3,4,5,6,7
    sx      zero, \n*WORD(t0)
    .endr
    addi    t0, t0, 8*WORD
    bltu    t0, t1, 2b
3:
    call    map_kernel

    # Identity and physmap: the whole Image, initrd included.
    lx      s7, 16(s2)              # image_size
    add     s7, s7, s2
    mv      s8, s2
    call    map_to

    # The device tree, whose size stands at its byte 4, big endian.
    lla     s6, no_tree_text
    lbu     t0, 4(s1)
    lbu     t1, 5(s1)
    lbu     t2, 6(s1)
    lbu     t3, 7(s1)
    slli    t0, t0, 24
    slli    t1, t1, 16
    slli    t2, t2, 8
    or      t0, t0, t1
    or      t2, t2, t3
    or      t0, t0, t2
    li      t1, {tree_limit}
    bltu    t0, t1, 7f
    mv      t0, t1                  # a lying size must not fill the pool
7:  add     s7, s1, t0
    li      t1, -{leaf_bytes}
    and     s8, s1, t1
    call    map_to

    # Switch the MMU on; the identity leaves carry us to the jump.
    sfence.vma
    srli    t0, s4, 12
    li      t1, {satp_mode}
    or      t0, t0, t1
    lla     s6, no_mmu_text
    csrw    satp, t0
    csrr    t1, satp                # a mode that the hart has not got is not taken
    bne     t0, t1, refuse
    sfence.vma
    lla     s6, trapped_text
    li      t0, {link_base}
    sub     t0, t0, s2              # physical -> linked
    lla     t1, 9f
    add     t1, t1, t0
    jr      t1
9:  lla     sp, boot_stack_top      # pc-relative: now the linked addresses
    lla     tp, boot_hart
    csrw    sscratch, zero          # zero says: a trap from here is the kernel's own
    lla     t0, trap_entry
    csrw    stvec, t0
    mv      a0, tp
    mv      a1, s0
    mv      a2, s1
    mv      a3, s2
    mv      a4, s3
    mv      a5, s11
    call    enter_rust
    j       halt

# Leaves from s8 (aligned) up to s7.
map_to:
    mv      s9, ra
1:  mv      a0, s8
    call    map_leaf
    li      t5, {leaf_bytes}
    add     s8, s8, t5
    bltu    s8, s7, 1b
    jr      s9

    .section .noinit.tables, "aw", @nobits
    .balign 4096
provisional:
    .space  {provisional_bytes}
    .globl  boot_tables
boot_tables:
    .space  {boot_tables_bytes}
    .section .bss.probed, "aw", @nobits
    .balign 4
probed:
    .space  4

    .section .noinit.stack, "aw", @nobits
    .balign 4096
    .space  {stack_bytes}
boot_stack_top:
    .balign 64
    .globl  boot_hart
boot_hart:
    .space  {hart_bytes}
    .balign 16
    .space  {emergency_bytes}
    .globl  emergency_stack_top
emergency_stack_top:
