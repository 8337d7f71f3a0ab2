# In and out of the kernel.
#
# sscratch holds the hart's block while a program runs and zero while the kernel does,
# so the first two instructions tell who was interrupted. The running program's
# registers live in the block itself (offset 0 on): a switch of tasks copies them.

    .section .text.trap, "ax"
    .option norelax
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   tp, sscratch, tp
    beqz    tp, trap_from_kernel
    sd      t0, 5*8(tp)
    rdinstret t0
    sd      t0, {started}(tp)
    sd      ra, 1*8(tp)
    sd      sp, 2*8(tp)
    sd      gp, 3*8(tp)
    sd      t1, 6*8(tp)
    sd      t2, 7*8(tp)
    sd      s0, 8*8(tp)
    sd      s1, 9*8(tp)
    sd      a0, 10*8(tp)
    sd      a1, 11*8(tp)
    sd      a2, 12*8(tp)
    sd      a3, 13*8(tp)
    sd      a4, 14*8(tp)
    sd      a5, 15*8(tp)
    sd      a6, 16*8(tp)
    sd      a7, 17*8(tp)
    sd      s2, 18*8(tp)
    sd      s3, 19*8(tp)
    sd      s4, 20*8(tp)
    sd      s5, 21*8(tp)
    sd      s6, 22*8(tp)
    sd      s7, 23*8(tp)
    sd      s8, 24*8(tp)
    sd      s9, 25*8(tp)
    sd      s10, 26*8(tp)
    sd      s11, 27*8(tp)
    sd      t3, 28*8(tp)
    sd      t4, 29*8(tp)
    sd      t5, 30*8(tp)
    sd      t6, 31*8(tp)
    csrrw   t0, sscratch, zero      # the program's tp; and from here on: the kernel
    csrr    t1, sepc
    csrr    t2, sstatus
    csrr    a1, scause
    csrr    a2, stval
    sd      t0, 4*8(tp)
    sd      t1, {pc}(tp)
    sd      t2, {status}(tp)
    ld      sp, {stack}(tp)
    mv      a0, tp
    call    trap_from_user

    .globl enter_user
enter_user:
    ld      t1, {pc}(tp)
    ld      t2, {status}(tp)
    csrw    sscratch, tp
    csrw    sepc, t1
    csrw    sstatus, t2
    ld      ra, 1*8(tp)
    ld      sp, 2*8(tp)
    ld      gp, 3*8(tp)
    ld      t0, 5*8(tp)
    ld      t1, 6*8(tp)
    ld      t2, 7*8(tp)
    ld      s0, 8*8(tp)
    ld      s1, 9*8(tp)
    ld      a0, 10*8(tp)
    ld      a1, 11*8(tp)
    ld      a2, 12*8(tp)
    ld      a3, 13*8(tp)
    ld      a4, 14*8(tp)
    ld      a5, 15*8(tp)
    ld      a6, 16*8(tp)
    ld      a7, 17*8(tp)
    ld      s2, 18*8(tp)
    ld      s3, 19*8(tp)
    ld      s4, 20*8(tp)
    ld      s5, 21*8(tp)
    ld      s6, 22*8(tp)
    ld      s7, 23*8(tp)
    ld      s8, 24*8(tp)
    ld      s9, 25*8(tp)
    ld      s10, 26*8(tp)
    ld      s11, 27*8(tp)
    ld      t3, 28*8(tp)
    ld      t4, 29*8(tp)
    ld      t5, 30*8(tp)
    ld      t6, 31*8(tp)
    ld      tp, 4*8(tp)
    sret

# The kernel itself trapped: a bug of ours, or a panic's own `ebreak`. Its stack may be the
# reason, so what follows runs on a stack of its own, and a second trap only halts. The
# registers are kept as a program's are; sscratch holds the kernel's tp meanwhile.
trap_from_kernel:
    lla     tp, crashed
    sd      t0, 5*8(tp)
    lla     t0, halt
    csrw    stvec, t0
    .irp n,1,2,3,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, \n*8(tp)
    .endr
    csrrw   t0, sscratch, zero
    csrr    t1, sepc
    csrr    t2, sstatus
    csrr    a0, scause
    csrr    a1, stval
    sd      t0, 4*8(tp)
    sd      t1, {pc}(tp)
    sd      t2, {status}(tp)
    lla     sp, emergency_stack_top
    call    trap_from_kernel_rust
    j       halt

    .section .bss.crashed, "aw", @nobits
    .balign 16
    .globl  crashed
crashed:
    .space  {context_bytes}
    .section .text.trap, "ax"

# fp_save(a0: *mut u64) and fp_load(a0: *const u64): 32 registers, then fcsr.
    .option push
    .option arch, +d                # link-time optimisation forgets what the target has
    .globl fp_save
fp_save:
    li      t0, 0x6000              # sstatus.FS = dirty, or the instructions trap
    csrs    sstatus, t0
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd     f\n, \n*8(a0)
    .endr
    frcsr   t1
    sd      t1, 32*8(a0)
    csrc    sstatus, t0
    ret
    .globl fp_load
fp_load:
    li      t0, 0x6000
    csrs    sstatus, t0
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld     f\n, \n*8(a0)
    .endr
    ld      t1, 32*8(a0)
    fscsr   t1
    csrc    sstatus, t0
    ret
    .option pop
