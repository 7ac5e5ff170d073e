/* Loads the programs of kernel.bpf.c with bpf(2), without any library. All that it makes is held by file
 * descriptors alone: nothing stays in the kernel when the process ends, however it does. */
#ifndef EBPF_LOAD_H
#define EBPF_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the maps and attaches the programs. Returns whether the kernel tells what io_uring is asked for. Ends
 * the process with a message that says what is missing. */
bool load(void);

/* How often a program was not run because it ran already on the same processor. */
uint64_t load_misses(void);

#endif
