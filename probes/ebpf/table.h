/* Numbers by 128-bit keys that are as good as random. */
#ifndef EBPF_TABLE_H
#define EBPF_TABLE_H

#include <stdint.h>

#include "event.h"

enum { TABLE_NONE = UINT32_MAX };

struct table {
    struct {
        struct identifier key;
        uint32_t value;
    } * slots;
    uint32_t mask, count;
};

/* The number of a key; TABLE_NONE when there is none. */
uint32_t table_get(const struct table *table, struct identifier key);

/* Adds a key that is not there. */
void table_add(struct table *table, struct identifier key, uint32_t value);

#endif
