/* The object that kernel.bpf.c has been compiled to: its programs, made to fit this kernel. */
#ifndef EBPF_OBJECT_H
#define EBPF_OBJECT_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/* A program with the functions that it calls, valid until the next is made. */
struct program {
    const struct bpf_insn *code;
    unsigned size; /* instructions */
    const struct bpf_func_info *functions;
    unsigned function_count;
    const void *types; /* what BPF_BTF_LOAD takes, to which `functions` refer */
    size_t types_size;
};

/* Before the first program; ends the process with a message when there are no random numbers. */
void object_open(void);

/* The program of a section. The maps must be there, and the kernel's types open. */
struct program object_program(const char *section);

#endif
