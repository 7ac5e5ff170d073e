/* The maps that the programs in the kernel share with us. */
#ifndef EBPF_MAPS_H
#define EBPF_MAPS_H

#include <linux/bpf.h>
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

/* bpf(2). -1 with errno. */
int bpf(int command, union bpf_attr *attributes);

static inline uint64_t pointer(const void *address) { return (uintptr_t)address; }

/* Makes the maps. Ends the process with a message if the kernel cannot make one. */
void make_maps(void);

/* Calls bpf(2) on a map's element. Returns -1 with errno on failure. */
int map_update(enum map map, const void *key, const void *value);
int map_lookup(enum map map, const void *key, void *value);

#endif
