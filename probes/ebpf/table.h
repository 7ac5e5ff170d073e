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

/* Returns the number of a key, or TABLE_NONE if it is not there. */
uint32_t table_get(const struct table *table, struct identifier key);

/* Adds a new key. */
void table_add(struct table *table, struct identifier key, uint32_t value);

#endif
