#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "maps.h"
#include "util.h"

/* As Documentation/bpf/ringbuf.rst: a page with the consumer's position, one with the producer's, and the
 * data twice, so that no event is in two parts. */
static uint64_t *consumed;
static const uint64_t *produced;
static const char *data;

enum { ROOM = 1 << 20, HEADER = 8, BUSY_BIT = 1U << 31, DISCARD_BIT = 1 << 30 };
enum { BUSY_MICROSECONDS = 1000, IDLE_MICROSECONDS = 10000 };

/* Events as in the ring, each after its size. The thread fills the last chunk, we read the first. */
struct chunk {
    struct chunk *next;
    size_t used;
    char bytes[ROOM];
};

static struct chunk *first, *last;
static size_t first_read;

static void rest(long microseconds) { nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL); }

static uint64_t position(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

/* Returns false if there is no memory: then the event stays in the ring, and events without room there are
 * counted. */
static bool keep(const char *bytes, uint64_t size) {
    size_t used = last->used, whole = (size + sizeof size + 7) & ~(size_t)7;
    if (used + whole > ROOM) {
        struct chunk *chunk = malloc(sizeof *chunk);
        if (!chunk)
            return false;
        chunk->next = NULL;
        chunk->used = 0;
        __atomic_store_n(&last->next, chunk, __ATOMIC_RELEASE);
        last = chunk;
        used = 0;
    }
    memcpy(last->bytes + used, &size, sizeof size);
    memcpy(last->bytes + used + sizeof size, bytes, size);
    __atomic_store_n(&last->used, used + whole, __ATOMIC_RELEASE);
    return true;
}

static bool take(void) {
    uint64_t at = *consumed;
    bool some = false;
    while (at < position(produced)) {
        const char *record = data + (at & (ring_size - 1));
        uint32_t size = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
        if (size & BUSY_BIT)
            break;
        bool discarded = size & DISCARD_BIT;
        size &= ~DISCARD_BIT;
        if (!discarded && !keep(record + HEADER, size))
            break;
        at += (size + HEADER + 7) & ~7ULL;
        __atomic_store_n(consumed, at, __ATOMIC_RELEASE);
        some = true;
    }
    return some;
}

static void *empty(void *nothing) {
    setpriority(PRIO_PROCESS, 0, -20); /* of this thread, which does little but must be in time */
    for (;;)
        rest(take() ? BUSY_MICROSECONDS : IDLE_MICROSECONDS);
    return nothing;
}

void ring_open(void) {
    size_t page = sysconf(_SC_PAGESIZE);
    void *mine = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, maps[MAP_RING], 0);
    void *theirs = mmap(NULL, page + 2 * ring_size, PROT_READ, MAP_SHARED, maps[MAP_RING], page);
    if (mine == MAP_FAILED || theirs == MAP_FAILED)
        die_errno(EXIT_PROBE, "ebpf: cannot map the ring");
    consumed = mine;
    produced = theirs;
    data = (const char *)theirs + page;
    first = last = calloc(1, sizeof *first);
    pthread_t thread;
    if (!first || (errno = pthread_create(&thread, NULL, empty, NULL)))
        die_errno(EXIT_PROBE, "ebpf: cannot start a thread");
}

void ring_catch_up(void) {
    uint64_t until = position(produced);
    while (position(consumed) < until)
        rest(BUSY_MICROSECONDS);
}

bool ring_next(struct event *event, char text[SCRATCH_ROOM]) {
    while (first_read == __atomic_load_n(&first->used, __ATOMIC_ACQUIRE)) {
        struct chunk *next = __atomic_load_n(&first->next, __ATOMIC_ACQUIRE);
        if (!next)
            return false;
        if (first_read != __atomic_load_n(&first->used, __ATOMIC_ACQUIRE))
            continue; /* filled between the two checks */
        free(first);
        first = next;
        first_read = 0;
    }
    const char *bytes = first->bytes + first_read;
    uint64_t size;
    memcpy(&size, bytes, sizeof size);
    first_read += (size + sizeof size + 7) & ~(size_t)7;
    if (size < sizeof *event)
        die(EXIT_PROBE, "ebpf: an event is damaged");
    memcpy(event, bytes + sizeof size, sizeof *event);
    if (event->size > size - sizeof *event || event->size >= SCRATCH_ROOM)
        die(EXIT_PROBE, "ebpf: an event is damaged");
    memcpy(text, bytes + sizeof size + sizeof *event, event->size);
    text[event->size] = 0;
    return true;
}
