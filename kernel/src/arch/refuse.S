# What a hart that cannot run this kernel says: one line on the board's console, and then it stops.
#
# No compressed instruction, no stack, no memory written: all that is asked of the hart is the base
# instruction set. Supervisor mode has the firmware's console. Machine mode has nothing, and
# firmware may have no console: then the board's UART is driven here, as its firmware left it.
#
#   s1 device tree (physical)   s6 the text   s5 1: there is firmware
#   s7 the console's row        s8 base of its registers

    .section .head, "ax"
    .option push
    .option norvc
    .balign 4
refuse:
    li      s5, 1
say:
    lla     t0, halt                # a trap from here on ends it
    csrw    stvec, t0
    bnez    s5, next_letter
    call    find_console
next_letter:
    lbu     a0, 0(s6)
    beqz    a0, halt
    bnez    s5, 1f
    call    put_letter
    j       2f
1:  li      a7, 1                   # legacy console putchar: the one that nearly every SBI has
    ecall
    beqz    a0, 2f
    li      s5, 0
    call    find_console
    j       next_letter
2:  addi    s6, s6, 1
    j       next_letter

# No timer interrupt is delegated. Here alone a trap is provoked, to distinguish the modes: what
# traps on the way to machine mode's trap vector is a supervisor.
not_delegated:
    lla     s6, not_delegated_text
    lla     t0, refuse
    csrw    stvec, t0
    lla     t0, halt
    csrw    mtvec, t0
    lla     s6, machine_text
    li      s5, 0
    j       say

# The console's row: of the first board that the tree names; without a tree, of the first that has
# a hart like this one. Uses t0-t6.
find_console:
    lla     s7, consoles
    beqz    s1, no_tree
    andi    t0, s1, 3
    bnez    t0, no_tree
    lw      t0, 0(s1)
    li      t1, 0xedfe0dd0          # the magic, read as this hart reads
    .if     WORD == 8
    slli    t1, t1, 32
    srai    t1, t1, 32
    .endif
    bne     t0, t1, no_tree
    lbu     t0, 5(s1)
    lbu     t1, 6(s1)
    lbu     t2, 7(s1)
    slli    t0, t0, 16
    slli    t1, t1, 8
    or      t0, t0, t1
    or      t0, t0, t2
    add     t0, t0, s1              # its end, for a size below 16 MiB
same_board:
    lbu     t1, 8(s7)               # letters of the word, with its zero
    beqz    t1, no_tree
    addi    t2, s7, 16
    add     t3, t2, t1
    mv      t4, s1
same_place:
    add     t5, t4, t1
    bltu    t0, t5, other_board
    mv      t5, t4
    mv      t6, t2
1:  lbu     a1, 0(t5)
    lbu     a2, 0(t6)
    bne     a1, a2, 2f
    addi    t5, t5, 1
    addi    t6, t6, 1
    bltu    t6, t3, 1b
    j       found_console
2:  addi    t4, t4, 1
    j       same_place
other_board:
    lbu     t1, 9(s7)
    add     s7, s7, t1
    j       same_board
no_tree:
    lla     s7, consoles
    li      a1, 0
    li      a7, 0x10
    li      a6, 4                   # sbi_get_mvendorid
    bnez    s5, 1f
    csrr    a1, mvendorid
    j       2f
1:  ecall
2:  li      t0, 0x5b7               # T-Head
    xor     a1, a1, t0
    seqz    a1, a1
3:  lbu     t0, 12(s7)
    beq     t0, a1, found_console
    lbu     t1, 8(s7)
    beqz    t1, halt
    lbu     t1, 9(s7)
    add     s7, s7, t1
    j       3b
found_console:
    lx      s8, 0(s7)
    ret

# The letter in a0, when the transmitter takes it; without one that ever does, the line is lost.
# Uses t0-t3.
put_letter:
    lbu     t0, 10(s7)              # distance of the registers, as a shift
    lbu     t1, 11(s7)              # registers are words
    lbu     t2, 13(s7)              # a BL808's
    lui     t3, 0x800
    bnez    t2, bl808
    li      t2, 5                   # line status
    sll     t2, t2, t0
    add     t2, t2, s8
1:  addi    t3, t3, -1
    beqz    t3, halt
    bnez    t1, 2f
    lbu     t0, 0(t2)
    j       3f
2:  lw      t0, 0(t2)
3:  andi    t0, t0, 0x20            # holding register empty
    beqz    t0, 1b
    bnez    t1, 4f
    sb      a0, 0(s8)
    ret
4:  sw      a0, 0(s8)
    ret
bl808:
    addi    t3, t3, -1
    beqz    t3, halt
    lw      t0, 0x84(s8)            # free places of the FIFO
    andi    t0, t0, 0x3f
    beqz    t0, bl808
    sw      a0, 0x88(s8)
    ret

    .globl halt
halt:
    wfi
    j       halt

machine_text:
    .asciz "\r\npagewalk: entered in machine mode; the kernel runs under SBI firmware: start it with OpenSBI\r\n"
not_delegated_text:
    .asciz "\r\npagewalk: the firmware delegates no timer interrupt to supervisor mode; start the kernel with OpenSBI\r\n"
no_c_text:
    .asciz "\r\npagewalk: this hart has no compressed instructions (C); the kernel is built with them\r\n"
no_m_text:
    .asciz "\r\npagewalk: this hart has no multiplication (M); the kernel is built with it\r\n"
no_a_text:
    .asciz "\r\npagewalk: this hart has no atomic instructions (A); the kernel is built with them\r\n"
    .if     WORD == 8
no_d_text:
    .asciz "\r\npagewalk: this hart has no floats of double precision (D); the kernel of 64 bits and its programs are built with them\r\n"
    .endif
no_time_text:
    .asciz "\r\npagewalk: the time CSR cannot be read (mcounteren.TM); the kernel has no other clock\r\n"
no_tree_text:
    .asciz "\r\npagewalk: no device tree at a1; the loader must pass one\r\n"
no_mmu_text:
    .if     WORD == 8
    .asciz "\r\npagewalk: satp takes no Sv39; the kernel needs a hart with an MMU\r\n"
    .else
    .asciz "\r\npagewalk: satp takes no Sv32; the kernel needs a hart with an MMU\r\n"
    .endif
misaligned_text:
    .if     WORD == 8
    .asciz "\r\npagewalk: loaded at an address that is not 2 MiB-aligned; load the Image at RAM base + 0x200000\r\n"
    .else
    .asciz "\r\npagewalk: loaded at an address that is not 4 MiB-aligned; load the Image at RAM base + 0x400000\r\n"
    .endif
trapped_text:
    .asciz "\r\npagewalk: the hart trapped before the kernel stood\r\n"
    .balign 8
    .option pop
