# Two harts in machine mode on QEMU's virt: each sets satp to a root of its own, then writes a mark.
#
# riscv64-unknown-elf-gcc -nostdlib -march=rv64imac_zicsr -mabi=lp64 -Wl,-Ttext=0x80000000 -Wl,--build-id=none -Wl,-z,max-page-size=16 -s -o harts.elf harts.s

        .option norvc
        .globl _start
_start: csrr    t0, mhartid
        li      t1, 0x80100
        add     t1, t1, t0              # a page each
        li      t2, 8
        slli    t2, t2, 60              # sv39
        or      t1, t1, t2
        csrw    satp, t1
        li      t3, 0x10000000
        li      t4, '!'
        sb      t4, 0(t3)
1:      wfi
        j       1b
