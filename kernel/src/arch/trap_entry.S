# In and out of the kernel.
#
# sscratch holds the hart's block while a program runs and zero while the kernel does,
# so the first two instructions tell who was interrupted. The running program's
# registers live in the block itself (offset 0 on): a switch of tasks copies them.

    .section .text.trap, "ax"
    .option norelax
    .balign 4
    .globl trap_entry
# What a debugger needs to go on from here into the program (`bt`): the program counter is in sepc, and
# each register is where it was until its place in the block is filled. A program's trap is meant; that of
# the kernel itself leaves at once. 64 is the return address, apart from ra (RISC-V ELF psABI, DWARF
# register numbers); 4096 + n is CSR n.
    .cfi_sections .debug_frame
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_return_column 64
    .cfi_def_cfa tp, 0
    .cfi_register 64, 4096+0x141
    .irp n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .cfi_same_value \n
    .endr
trap_entry:
    csrrw   tp, sscratch, tp
    .cfi_register 4, 4096+0x140
    beqz    tp, trap_from_kernel
    .irp n,5,6,7,10,11,28,29,30
    sx      x\n, \n*WORD(tp)
    .cfi_offset \n, \n*WORD
    .endr
