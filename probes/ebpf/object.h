/* The compiled object of kernel.bpf.c: its programs, adapted to this kernel. */
#ifndef EBPF_OBJECT_H
#define EBPF_OBJECT_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program with the functions that it calls, valid until the next one is made. */
struct program {
    const struct bpf_insn *code;
    unsigned size; /* instructions */
    const struct bpf_func_info *functions;
    unsigned function_count;
    const void *types; /* the input of BPF_BTF_LOAD, to which `functions` refer */
    size_t types_size;
};

/* Call this before the first program, with the kernel's types open; it ends the process with a message if
 * there are no random numbers. */
void object_open(void);

/* From now on programs read the kernel's memory by a helper. Returns whether they did not before. */
bool object_use_helper(void);

/* Makes the program of a section. The maps must exist, and the kernel's types must be open. */
struct program object_program(const char *section);

#endif
