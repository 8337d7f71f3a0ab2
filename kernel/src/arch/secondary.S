# Where firmware lets another hart begin (SBI, HSM): MMU off, a0 = hart, a1 = its block in memory.
#
# The kernel's map does not show this code where it runs now. So stvec is the place to go on at, as
# linked: the first fetch after the switch faults, and the fault is the jump.

    .section .text.trap, "ax"
    .option norelax
    .balign 4
    .globl  secondary_entry
secondary_entry:
    csrci   sstatus, 2              # SIE
    csrw    sie, zero
    lx      t0, {satp_of_hart}(a1)
    lx      t1, {linked}(a1)
    lx      tp, {own}(a1)
    csrw    stvec, t1
    sfence.vma
    csrw    satp, t0
    sfence.vma
    jr      t1

    .balign 4
    .globl  secondary_linked
secondary_linked:
    sfence.vma
    lla     t0, trap_entry
    csrw    stvec, t0
    csrw    sscratch, zero          # a trap from here is the kernel's own
    lx      sp, {stack}(tp)
    mv      a0, tp
    call    enter_secondary
    j       halt
