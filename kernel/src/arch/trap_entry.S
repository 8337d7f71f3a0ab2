# In and out of the kernel.
#
# sscratch holds the hart's block while a program runs and zero while the kernel does,
# so the first two instructions find out what was interrupted. The running program's
# registers live in the block itself (offset 0 on): a switch of tasks copies them.

    .section .text.trap, "ax"
    .option norelax
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   tp, sscratch, tp
swapped:
    beqz    tp, trap_from_kernel
    .irp n,5,6,7,10,11,28,29,30
    sx      x\n, \n*WORD(tp)
    .endr
some_kept:
