/* The kernel's description of its own types (/sys/kernel/btf/vmlinux, Documentation/bpf/btf.rst). */
#ifndef EBPF_BTF_H
#define EBPF_BTF_H

#include <stdbool.h>
#include <stdint.h>

/* Reads it. Returns false with errno if there is none, or if its form is unknown. */
bool btf_open(void);
void btf_close(void);

/* Returns the offset in bytes of a structure's member, also inside a nameless member; -1 if there is none. */
long btf_offset(const char *structure, const char *member);

/* Returns the number of the type that describes a tracepoint's arguments; 0 if there is none. */
uint32_t btf_tracepoint(const char *name);

/* Returns the number of a function of the kernel; 0 if there is none. */
uint32_t btf_function(const char *name);

#endif
