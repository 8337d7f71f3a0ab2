# Firmware for machines that OpenSBI cannot run on or does not show: no compressed instruction, and
# mcounteren.IR clear. QEMU's `virt`, RV64: `-bios firmware.elf`. Of SBI it has the legacy console and
# answers of zero for the base extension.
#
#   llvm-mc -triple=riscv64 -mattr=+a -filetype=obj firmware.s -o firmware.o
#   ld.lld --no-relax -N -Ttext=0x80000000 firmware.o -o firmware.elf

    .option norvc
    .globl _start
_start:
    lla     t0, trap
    csrw    mtvec, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    li      t0, 0x222               # software, timer and external interrupts are the supervisor's
    csrw    mideleg, t0
    li      t0, 0xb1ff              # and every exception but its own call
    csrw    medeleg, t0
    li      t0, 3                   # cycle and time, but not instret
    csrw    mcounteren, t0
    li      t0, 1
    slli    t0, t0, 63              # menvcfg.STCE
    csrw    0x30a, t0
    ld      t0, 16(a2)              # fw_dynamic_info: next_addr
    csrw    mepc, t0
    li      t0, 0x1800
    csrc    mstatus, t0
    li      t0, 0x0800              # MPP = S
    csrs    mstatus, t0
    mret

    .balign 4
trap:
    csrw    mscratch, t0
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    li      t0, 1
    beq     a7, t0, putchar
    li      t0, 0x10
    beq     a7, t0, base
    li      a0, -2                  # not supported
    j       back
putchar:
    li      t0, 0x10000000
    sb      a0, 0(t0)
base:
    li      a0, 0
    li      a1, 0
back:
    csrr    t0, mscratch
    mret
