#include "table.h"

#include <stdlib.h>

#include "util.h"

static uint32_t slot_of(const struct table *table, struct identifier key) {
    uint32_t at = (key.low ^ key.high) & table->mask;
    while ((table->slots[at].key.low || table->slots[at].key.high) &&
           (table->slots[at].key.low != key.low || table->slots[at].key.high != key.high))
        at = (at + 1) & table->mask;
    return at;
}

uint32_t table_get(const struct table *table, struct identifier key) {
    if (!table->slots)
        return TABLE_NONE;
    uint32_t at = slot_of(table, key);
    return table->slots[at].key.low || table->slots[at].key.high ? table->slots[at].value : TABLE_NONE;
}

static void grow(struct table *table) {
    struct table larger = {.mask = table->slots ? table->mask * 2 + 1 : 1023, .count = table->count};
    larger.slots = calloc((size_t)larger.mask + 1, sizeof *larger.slots);
    if (!larger.slots)
        die(EXIT_PROBE, "ebpf: out of memory");
    for (uint32_t i = 0; table->slots && i <= table->mask; i++)
        if (table->slots[i].key.low || table->slots[i].key.high)
            larger.slots[slot_of(&larger, table->slots[i].key)] = table->slots[i];
    free(table->slots);
    *table = larger;
}

void table_add(struct table *table, struct identifier key, uint32_t value) {
    if (!table->slots || table->count > table->mask / 2)
        grow(table);
    uint32_t at = slot_of(table, key);
    table->slots[at].key = key;
    table->slots[at].value = value;
    table->count++;
}
