/* A set of 128-bit fingerprints: 16 bytes for each distinct member, whatever its length. The fingerprints
 * depend on a random secret, so that a hostile program cannot make two paths collide. */
#ifndef SET_H
#define SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fingerprint {
    uint64_t low, high;
};

struct set {
    struct fingerprint *slots;
    size_t mask, count;
};

/* Returns the fingerprint of some bytes and of numbers that belong to them. */
struct fingerprint fingerprint(const void *bytes, size_t size, uint64_t first, uint64_t second);

/* Adds a member. Returns true if it was new. */
bool set_add(struct set *set, struct fingerprint member);
bool set_has(const struct set *set, struct fingerprint member);

#endif
