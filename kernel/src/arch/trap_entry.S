# In and out of the kernel.
#
# sscratch holds the running thread's frame while a program runs and zero while the kernel does,
# so the first two instructions find out what was interrupted. The program's registers are kept
# in the frame (offset 0 on), which says whose block tp holds while the kernel works.

    .section .text.trap, "ax"
    .option norelax
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   tp, sscratch, tp
swapped:
    beqz    tp, trap_from_kernel
    .irp n,5,6,10,11,12,28,29,30
    sx      x\n, \n*WORD(tp)
    .endr
some_kept:
