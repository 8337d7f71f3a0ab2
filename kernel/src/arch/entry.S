# From the loader's jump to the first line of Rust.
#
# The Image header (Linux, Documentation/arch/riscv/boot-image-header) comes first,
# then the provisional map: Rust's own tables hold link-time addresses, so Rust can
# only run where it was linked. Entered in S-mode, MMU off, a0 = hart, a1 = device tree.
#
#   s0 hart      s1 device tree (physical)     s2 physical base of the Image
#   s3 memory-type bits for RAM leaves (T-Head with MAEE, else 0)
#   s4 root table   s11 instructions so far   s4-s6 belong to `sv39.S` and `sv32.S`

    .section .head, "ax"
    .option norelax
    .globl _start
_start:
    .option push
    .option rvc
    c.li    s4, -13                 # the bytes "MZ", and harmless
    c.j     enter
    .option pop
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
    rdinstret s11
    csrw    sie, zero
    csrci   sstatus, 2              # SIE
    mv      s0, a0
    mv      s1, a1
    lla     s2, _start

    # Only aligned bases fit the leaves of the provisional map.
    li      t0, {leaf_bytes} - 1
    and     t0, t0, s2
    bnez    t0, misaligned

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
    csrw    satp, t0
    sfence.vma
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

misaligned:
    lla     s1, misaligned_text
1:  lbu     a0, 0(s1)
    beqz    a0, halt
    li      a7, 1                   # legacy console putchar: the one every SBI has
    ecall
    addi    s1, s1, 1
    j       1b
    .globl halt
halt:
    wfi
    j       halt

    .section .noinit.tables, "aw", @nobits
    .balign 4096
provisional:
    .space  {provisional_bytes}
    .globl  boot_tables
boot_tables:
    .space  {boot_tables_bytes}

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
