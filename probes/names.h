/* Numbers for strings, from 0 in the order of arrival. They are never removed. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
    char **text;
    uint32_t count, room;
    uint32_t *slots; /* open addressing: 1 + number */
    uint32_t mask;
};

/* Returns the number of a string, which is added if it is new. */
uint32_t names_add(struct names *names, const char *text, size_t size, bool *added);

/* Returns the string of a number that names_add() returned. */
const char *names_get(const struct names *names, uint32_t number);

#endif
