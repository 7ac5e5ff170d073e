/* Loads the programs of kernel.bpf.c with bpf(2), without any library. All that it makes is held by file
 * descriptors alone: nothing stays in the kernel when the process ends, however it does. */
#ifndef EBPF_LOAD_H
#define EBPF_LOAD_H

#include <stddef.h>
#include <stdint.h>

enum map {
    MAP_RULES,
    MAP_SCRATCH,
    MAP_SETTINGS,
    MAP_COUNTERS,
    MAP_SEEN,
    MAP_STATES,
    MAP_RING,
    MAP_FIRST,
    MAPS
};

extern int maps[MAPS];
extern const size_t ring_size;

/* Makes the maps and attaches the programs. Ends the process with a message that says what is missing. */
void load(void);

/* bpf(2) on a map's element. -1 with errno. */
int map_update(enum map map, const void *key, const void *value);
int map_lookup(enum map map, const void *key, void *value);

/* How often a program was not run because it ran already on the same processor. */
uint64_t load_misses(void);

#endif
