# A program that falls, for the tests of what tells where. `fall.elf` is made of it:
#   llvm-mc -triple riscv64 -g -fdebug-compilation-dir /board -filetype obj fall.s -o fall.o
#   ld.lld --build-id=none -Ttext 0x10000 fall.o -o fall.elf
    .globl  _start
    .type   _start, @function
_start:
    li      a0, 16
    call    follow
    ebreak
    .size   _start, . - _start

    .type   follow, @function
follow:
    ld      a0, 0(a0)
    ret
    .size   follow, . - follow
