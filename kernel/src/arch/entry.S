# From the loader's jump to the first line of Rust.
#
# The Image header (Linux, Documentation/arch/riscv/boot-image-header) comes first,
# then the provisional map: Rust's own tables hold link-time addresses, so Rust can
# only run where it was linked. Entered in S-mode, MMU off, a0 = hart, a1 = device tree.
#
#   s0 hart      s1 device tree (physical)     s2 physical base of the Image
#   s3 memory-type bits for RAM leaves (T-Head with MAEE, else 0)
#   s4 root table   s5 next free table   s6 leaf flags   s11 instructions so far

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

    # Only 2 MiB-aligned bases fit the leaves of the provisional map.
    slli    t0, s2, 43
    bnez    t0, misaligned

    # Which memory-type bits do RAM leaves need? A T-Head hart (SBI mvendorid 0x5b7)
    # with MAEE set takes RAM as non-cacheable unless the leaf says otherwise, and its
    # walker reads tables through the cache: they must be written through it too.
    # The CSR th.sxstatus is never touched on another vendor's hart.
    li      s3, 0
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
    # BSS: RAM is never assumed to be zero.
    lla     t0, _bss
    lla     t1, _bss_end
    beq     t0, t1, 3f
2:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    sd      zero, 32(t0)
    sd      zero, 40(t0)
    sd      zero, 48(t0)
    sd      zero, 56(t0)
    addi    t0, t0, 64
    bltu    t0, t1, 2b
3:
    # The provisional tables: a root, one table for the high window, and one for each
    # GiB that the Image and the device tree touch (at most four).
    lla     s4, provisional
    mv      t0, s4
    li      t1, {provisional_bytes}
    add     t1, t1, t0
4:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    addi    t0, t0, 32
    bltu    t0, t1, 4b
    lui     t0, 1
    add     s5, s4, t0              # the high table
    ori     s6, s3, 0xcf            # V R W X A D
    srli    t1, s5, 2
    ori     t1, t1, 1
    li      t2, {high_index} * 8
    add     t2, t2, s4
    sd      t1, 0(t2)

    # High window: the kernel's own 2 MiB pieces, from the link base on.
    mv      t1, s5
    mv      t2, s2
    lla     t3, _end
5:  srli    t4, t2, 2
    or      t4, t4, s6
    sd      t4, 0(t1)
    addi    t1, t1, 8
    li      t5, 0x200000
    add     t2, t2, t5
    bltu    t2, t3, 5b
    add     s5, s5, t0              # next free table

    # Identity and physmap: the whole Image, initrd included.
    ld      s7, 16(s2)              # image_size
    add     s7, s7, s2
    mv      s8, s2
6:  mv      a0, s8
    call    map_2m
    li      t5, 0x200000
    add     s8, s8, t5
    bltu    s8, s7, 6b

    # And the device tree, whose size stands at its byte 4, big endian.
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
    srli    s8, s1, 21
    slli    s8, s8, 21
8:  mv      a0, s8
    call    map_2m
    li      t5, 0x200000
    add     s8, s8, t5
    bltu    s8, s7, 8b

    # Switch the MMU on; the identity leaves carry us to the jump.
    sfence.vma
    srli    t0, s4, 12
    li      t1, 8 << 60             # Sv39
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

# One 2 MiB leaf for physical address a0 (aligned), at the identity and in the physmap.
# Both windows share the table, so a GiB costs one. Uses t0-t4.
map_2m:
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
    or      t2, t2, s6
    sd      t2, 0(t1)
    ret

misaligned:
    lla     s1, 2f
1:  lbu     a0, 0(s1)
    beqz    a0, halt
    li      a7, 1                   # legacy console putchar: the one every SBI has
    ecall
    addi    s1, s1, 1
    j       1b
2:  .asciz "\r\npagewalk: loaded at an address that is not 2 MiB-aligned; load the Image at RAM base + 0x200000\r\n"
    .balign 4

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
