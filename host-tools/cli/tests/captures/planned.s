# Parts of a kernel as small as they can be, with the symbols that its linker script defines: nothing in it runs.
#
# L=0xffffffff800
# riscv64-unknown-elf-as planned.s -o planned.o
# ld.lld -N planned.o -Ttext=${L}00000 -Tdata=${L}02000 --defsym=_text_end=${L}01000 \
#     --defsym=_rodata_end=${L}02000 --defsym=boot_tables=${L}03000 --defsym=_guard=${L}23000 --defsym=_end=${L}27000 \
#     -o planned.elf

        .text
        .globl _start
_start: nop
        .data
        .8byte  1
