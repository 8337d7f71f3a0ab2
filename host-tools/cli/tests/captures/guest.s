# Reads a guest's addresses with hlv.d, and prints for each what came of it: the value, mcause, mtval2.
#
# Machine mode runs it on QEMU's virt. Questions lie at 0x80010000: their number, then for each va, vsatp,
# hgatp, hstatus and vsstatus. Answers are bytes on the UART: 3 words each. Then the machine is powered off.
#
# riscv64-unknown-elf-gcc -nostdlib -march=rv64imac_zicsr -mabi=lp64 -Wl,-Ttext=0x80000000 -Wl,--build-id=none -Wl,-z,max-page-size=16 -s -o guest.elf guest.s

        .option norvc
        .globl _start
_start: la      t0, trap
        csrw    mtvec, t0
        li      t0, -1
        csrw    0x3b0, t0               # pmpaddr0: all of memory,
        li      t0, 0x1f
        csrw    0x3a0, t0               # pmpcfg0: open
        li      s0, 0x80010000
        ld      s1, 0(s0)
        addi    s0, s0, 8
next:   beqz    s1, done
        ld      t0, 8(s0)
        csrw    0x280, t0               # vsatp
        ld      t0, 16(s0)
        csrw    0x680, t0               # hgatp
        ld      t0, 24(s0)
        csrw    0x600, t0               # hstatus: SPVP says for whom it reads
        ld      t0, 32(s0)
        csrw    0x200, t0               # vsstatus: SUM, MXR
        .word   0x22000073              # hfence.vvma
        .word   0x62000073              # hfence.gvma
        ld      a1, 0(s0)
        li      a0, 0
        li      a2, 0
        li      a3, 0
        .word   0x6c05c573              # hlv.d a0, (a1)
        mv      t3, a0
        call    put
        mv      t3, a2
        call    put
        mv      t3, a3
        call    put
        addi    s0, s0, 40
        addi    s1, s1, -1
        j       next

# Eight bytes of t3 to the UART, the lowest first.
put:    li      t4, 8
        li      t5, 0x10000000
1:      lbu     t6, 5(t5)               # LSR: is there room
        andi    t6, t6, 0x20
        beqz    t6, 1b
        sb      t3, 0(t5)
        srli    t3, t3, 8
        addi    t4, t4, -1
        bnez    t4, 1b
        ret

        .balign 4
trap:   csrr    a2, mcause
        csrr    a3, 0x34b               # mtval2: the guest's address >> 2
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret

done:   li      t0, 0x100000            # the machine's finisher
        li      t1, 0x5555
        sw      t1, 0(t0)
        j       .
