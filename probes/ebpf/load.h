/* Loads the programs of kernel.bpf.c with bpf(2), without any library. Everything that it makes is held only
 * by file descriptors, so nothing stays in the kernel when the process ends in any way. */
#ifndef EBPF_LOAD_H
#define EBPF_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the maps and attaches the programs. Returns whether the kernel reports the requests to io_uring. If
 * something is missing, ends the process with a message. */
bool load(void);

/* Returns how often a program was not run because it was already running on the same processor. */
uint64_t load_misses(void);

#endif
