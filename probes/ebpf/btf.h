/* The kernel's description of its own types (/sys/kernel/btf/vmlinux, Documentation/bpf/btf.rst). */
#ifndef EBPF_BTF_H
#define EBPF_BTF_H

#include <stdbool.h>
#include <stdint.h>

/* Reads it. False with errno when there is none, or none that we understand. */
bool btf_open(void);
void btf_close(void);

/* The offset in bytes of a member, also one of a nameless member, of a structure; -1 when there is none. */
long btf_offset(const char *structure, const char *member);

/* The number of the type that describes a tracepoint's arguments; 0 when there is none. */
uint32_t btf_tracepoint(const char *name);

#endif
