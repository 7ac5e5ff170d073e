#include "set.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "util.h"

static uint64_t secret[4];

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const unsigned char *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
    return value;
}

static void make_secret(void) {
    if (getrandom(secret, sizeof secret, 0) != sizeof secret)
        die_errno(EXIT_PROBE, "agent: cannot read random numbers");
    secret[0] |= 1;
}

/* Two lanes of multiply-and-fold (as in wyhash), sixteen bytes a round. */
struct fingerprint fingerprint(const void *bytes, size_t size, uint64_t first, uint64_t second) {
    if (!secret[0])
        make_secret();
    const unsigned char *at = bytes;
    uint64_t low = mix(first ^ secret[0], size ^ secret[1]), high = mix(second ^ secret[2], size ^ secret[3]);
    low ^= second, high ^= first;
    unsigned char tail[16] = {0};
    for (size_t left = size; left; left = left > 16 ? left - 16 : 0, at += 16) {
        if (left < 16)
            at = memcpy(tail, at, left);
        uint64_t x = load(at), y = load(at + 8);
        low = mix(x ^ secret[1] ^ low, y ^ secret[2]) + (low << 7 | low >> 57);
        high = mix(x ^ secret[3], y ^ secret[0] ^ high) + (high << 9 | high >> 55);
    }
    struct fingerprint result = {mix(low ^ secret[2], secret[3]), mix(high ^ secret[1], secret[0])};
    result.low |= !(result.low | result.high); /* all zeros mean an empty slot */
    return result;
}

static bool equal(struct fingerprint a, struct fingerprint b) { return a.low == b.low && a.high == b.high; }

/* Returns the member's slot, or the empty slot for it. */
static struct fingerprint *find(const struct set *set, struct fingerprint member) {
    static const struct fingerprint empty;
    size_t at = member.low & set->mask;
    while (!equal(set->slots[at], empty) && !equal(set->slots[at], member))
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

static void grow(struct set *set) {
    size_t slots = set->slots ? (set->mask + 1) * 2 : 4096;
    void *memory =
        mmap(NULL, slots * sizeof *set->slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die_errno(EXIT_PROBE, "agent: out of memory for the recorded paths");
    struct set old = *set;
    *set = (struct set){memory, slots - 1, old.count};
    for (size_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].low | old.slots[i].high)
            *find(set, old.slots[i]) = old.slots[i];
    if (old.slots)
        munmap(old.slots, (old.mask + 1) * sizeof *old.slots);
}

bool set_has(const struct set *set, struct fingerprint member) {
    return set->slots && equal(*find(set, member), member);
}

bool set_add(struct set *set, struct fingerprint member) {
    if (!set->slots || set->count > set->mask / 4 * 3)
        grow(set);
    struct fingerprint *slot = find(set, member);
    if (equal(*slot, member))
        return false;
    *slot = member;
    set->count++;
    return true;
}
