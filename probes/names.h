/* Strings with small numbers, from 0 in the order of arrival; they are kept for good. */
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

/* The number of a string, which is added when it is new. */
uint32_t names_add(struct names *names, const char *text, size_t size, bool *added);

/* The string of a number that names_add() gave. */
const char *names_get(const struct names *names, uint32_t number);

#endif
