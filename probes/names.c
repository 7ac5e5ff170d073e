#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "set.h"
#include "util.h"

static void *checked(void *memory) {
    if (!memory)
        die_errno(EXIT_PROBE, "agent: out of memory for names");
    return memory;
}

static uint32_t *find(const struct names *names, const char *text, size_t size) {
    uint32_t at = fingerprint(text, size, 0, 0).low & names->mask;
    for (; names->slots[at]; at = (at + 1) & names->mask)
        if (!strcmp(names->text[names->slots[at] - 1], text))
            break;
    return &names->slots[at];
}

static void grow(struct names *names) {
    names->room = names->room ? names->room * 2 : 64;
    names->mask = names->room * 2 - 1;
    names->text = checked(realloc(names->text, names->room * sizeof *names->text));
    free(names->slots);
    names->slots = checked(calloc(names->mask + 1, sizeof *names->slots));
    for (uint32_t i = 0; i < names->count; i++)
        *find(names, names->text[i], strlen(names->text[i])) = i + 1;
}

uint32_t names_add(struct names *names, const char *text, size_t size, bool *added) {
    if (names->count == names->room)
        grow(names);
    uint32_t *slot = find(names, text, size);
    *added = !*slot;
    if (*added) {
        char *copy = checked(malloc(size + 1));
        memcpy(copy, text, size + 1);
        names->text[names->count++] = copy;
        *slot = names->count;
    }
    return *slot - 1;
}

const char *names_get(const struct names *names, uint32_t number) { return names->text[number]; }
