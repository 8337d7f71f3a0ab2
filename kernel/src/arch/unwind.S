# How a debugger goes on from the trap path into the program (`bt`): where each of the program's registers is.
#
# Written out, as `.cfi_startproc` cannot say it in .debug_frame: there all frames share one return column. Here it
# is 64, apart from ra, which is a register of the program like others (RISC-V ELF psABI, DWARF register numbers);
# 4096 + n is CSR n. A program's trap is meant; that of the kernel itself leaves at once.
#
#   trap_entry    all where they were, pc in sepc
#   swapped       tp in sscratch
#   some_kept     what the fast path uses in the thread's frame, at tp
#   all_kept      all in the frame, which the hart's block at tp says: also while the kernel works, as it leaves tp alone
#   enter_user    all in the frame, at tp

    .section .debug_frame, "", @progbits
    .macro  common augmentation
    .4byte  2f - 1f
1:  .4byte  0xffffffff
    .byte   1                       # version
    .asciz  "\augmentation"
    .uleb128 1
    .sleb128 WORD                   # what offsets are multiples of
    .byte   64                      # the return address
    .uleb128 0
    .balign WORD, 0
2:
    .endm
    # On the way: a debugger names the function.
on_the_way:
    common  z
    # Below the kernel: the caller was interrupted, and goes on at that very instruction.
below_the_kernel:
    common  zS
    .macro  frame from, to, common=on_the_way
    .4byte  4f - 3f
3:  .4byte  \common
    .if     WORD == 8
    .8byte  \from, \to - \from
    .else
    .4byte  \from, \to - \from
    .endif
    .uleb128 0
    .endm
    .macro  end_of_frame
    .balign WORD, 0
4:
    .endm
    .macro  same registers:vararg
    .irp    n, \registers
    .byte   0x08, \n                # DW_CFA_same_value
    .endr
    .endm
    .macro  kept registers:vararg
    .irp    n, \registers
    .byte   0x80 | \n, \n           # DW_CFA_offset
    .endr
    .endm
    .macro  in_register register, other
    .byte   0x09                    # DW_CFA_register
    .uleb128 \register, \other
    .endm

    frame   trap_entry, swapped
    .byte   0x0c, 2, 0              # DW_CFA_def_cfa sp
    in_register 64, 4096+0x141
    same    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    end_of_frame

    frame   swapped, some_kept
    .byte   0x0c, 2, 0
    in_register 64, 4096+0x141
    in_register 4, 4096+0x140
    same    1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    end_of_frame

    frame   some_kept, all_kept
    .byte   0x0c, 4, 0              # DW_CFA_def_cfa tp
    in_register 64, 4096+0x141
    in_register 4, 4096+0x140
    same    1, 2, 3, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 31
    kept    5, 6, 10, 11, 12, 28, 29, 30
    end_of_frame

    .macro  all_in_frame
    .byte   0x05, 64                # DW_CFA_offset_extended
    .uleb128 {pc}/WORD
    kept    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    end_of_frame
    .endm
    frame   all_kept, enter_user, below_the_kernel
    .byte   0x0f, 3, 0x74, 0, 0x06  # DW_CFA_def_cfa_expression: DW_OP_breg4 0, DW_OP_deref
    all_in_frame
    frame   enter_user, entered
    .byte   0x0c, 4, 0
    all_in_frame
    .text
