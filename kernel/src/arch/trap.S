# The general path: all that the fast path has not kept is kept here. Where instret cannot be read,
# `entry.S` has put `li t0, 0` in the place of its first instruction.
general:
    rdinstret t0
    sx      t0, {started}(tp)
    .irp n,1,2,3,7,8,9,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,31
    sx      x\n, \n*WORD(tp)
    .endr
    csrrw   t0, sscratch, zero      # the program's tp; and from here on: the kernel
    csrr    t1, sepc
    csrr    t2, sstatus
    sx      t0, 4*WORD(tp)
    sx      t1, {pc}(tp)
    sx      t2, {status}(tp)
    lx      tp, {hart}(tp)          # from here on its block, whichever thread it runs
all_kept:
    lx      sp, {stack}(tp)
    mv      a0, tp
    # scause is in a1 and stval in a2, from the fast path. Neither returns. A call all the same: a debugger finds the
    # caller by ra, and the rest in the frame.
    li      t0, 8                   # a system call
    bne     a1, t0, 1f
    jal     call_from_user
1:  jal     trap_from_user
    ebreak

    # The hart's block at tp says whose frame it has.
    .globl leave_kernel
leave_kernel:
    lx      tp, 0(tp)
    .globl enter_user
enter_user:
    lx      t1, {pc}(tp)
    lx      t2, {status}(tp)
    csrw    sscratch, tp
    csrw    sepc, t1
    csrw    sstatus, t2
    lx      ra, 1*WORD(tp)
    lx      sp, 2*WORD(tp)
    lx      gp, 3*WORD(tp)
    lx      t0, 5*WORD(tp)
    lx      t1, 6*WORD(tp)
    lx      t2, 7*WORD(tp)
    lx      s0, 8*WORD(tp)
    lx      s1, 9*WORD(tp)
    lx      a0, 10*WORD(tp)
    lx      a1, 11*WORD(tp)
    lx      a2, 12*WORD(tp)
    lx      a3, 13*WORD(tp)
    lx      a4, 14*WORD(tp)
    lx      a5, 15*WORD(tp)
    lx      a6, 16*WORD(tp)
    lx      a7, 17*WORD(tp)
    lx      s2, 18*WORD(tp)
    lx      s3, 19*WORD(tp)
    lx      s4, 20*WORD(tp)
    lx      s5, 21*WORD(tp)
    lx      s6, 22*WORD(tp)
    lx      s7, 23*WORD(tp)
    lx      s8, 24*WORD(tp)
    lx      s9, 25*WORD(tp)
    lx      s10, 26*WORD(tp)
    lx      s11, 27*WORD(tp)
    lx      t3, 28*WORD(tp)
    lx      t4, 29*WORD(tp)
    lx      t5, 30*WORD(tp)
    lx      t6, 31*WORD(tp)
    lx      tp, 4*WORD(tp)
    sret
entered:

# The kernel itself trapped: a bug of ours, or a panic's own `ebreak`. Its stack may be the
# reason, so what follows runs on a stack of its own, and a second trap only halts. The
# registers are kept as a program's are; sscratch holds the kernel's tp meanwhile.
# The first hart to crash has the block and the stack: its report names it, and the others stand.
trap_from_kernel:
    lla     tp, is_crashed
    .option push
    .option arch, +a                # link-time optimisation forgets what the target has
    amoswap.w tp, tp, (tp)          # an address of a word is not zero
    .option pop
    bnez    tp, halt
    lla     tp, crashed
    sx      t0, 5*WORD(tp)
    lla     t0, halt
    csrw    stvec, t0
    .irp n,1,2,3,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sx      x\n, \n*WORD(tp)
    .endr
    csrrw   t0, sscratch, zero
    csrr    t1, sepc
    csrr    t2, sstatus
    csrr    a0, scause
    csrr    a1, stval
    sx      t0, 4*WORD(tp)
    sx      t1, {pc}(tp)
    sx      t2, {status}(tp)
    lla     sp, emergency_stack_top
    call    trap_from_kernel_rust
    j       halt

    .section .bss.crashed, "aw", @nobits
    .balign 16
    .globl  crashed
crashed:
    .space  {context_bytes}
    .balign 4
is_crashed:
    .space  4
    .section .text.trap, "ax"

# The float registers, each in eight bytes whatever its width, then fcsr: `fp_save` and `fp_load` of a
# hart with D, `fp_save_single` and `fp_load_single` of one with F alone. a0: the 33 words.
    .macro  floats name, arch, move, csr
    .option push
    .option arch, \arch             # link-time optimisation forgets what the target has
    .globl  \name
\name:
    li      t0, 0x6000              # sstatus.FS = dirty, or the instructions trap
    csrs    sstatus, t0
    .ifc    \csr, frcsr
    frcsr   t1
    sx      t1, 32*8(a0)
    .else
    lx      t1, 32*8(a0)
    fscsr   t1
    .endif
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \move   f\n, \n*8(a0)
    .endr
    csrc    sstatus, t0
    ret
    .option pop
    .endm
    floats  fp_save, +d, fsd, frcsr
    floats  fp_load, +d, fld, fscsr
    floats  fp_save_single, +f, fsw, frcsr
    floats  fp_load_single, +f, flw, fscsr
