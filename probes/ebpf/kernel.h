/* For the programs in the kernel: helpers, maps, which processes are traced, and how events are reported. */
#ifndef EBPF_KERNEL_H
#define EBPF_KERNEL_H

#include "calls.h"
#include "event.h"
#include "protocol.h"

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define SUBPROGRAM static __attribute__((noinline))
/* A function that the verifier checks only once: its arguments and its result are numbers, and object.c knows
 * it by name. Other functions are checked for each call. */
#define ALONE __attribute__((noinline))
#define OFFSET(member)                                                                                       \
    ({                                                                                                       \
        extern const char member[];                                                                          \
        (u64) member;                                                                                        \
    })

enum {
    ENOENT = 2,
    EFAULT = 14,
    ENOTDIR = 20,
    ENAMETOOLONG = 36,
    RESTARTS = 512, /* ERESTARTSYS and similar: the call begins again */
    RESTARTS_END = 532,
    DEPTH = TEXT_LIMIT / 2, /* components of a path */
    VARIABLES = 1024,       /* the most strings of an environment that are read */
    VARIABLES_ROOM = 8192,
    TOP_MARK = 0x5555,       /* in the number of a directory that is not below its root */
    MODE_CREATED = 0x100000, /* FMODE_CREATED */
    RING_WAKE = 1 << 20
};

/* Of asm/fcntl.h. */
enum {
    OPEN_ACCMODE = 03,
    OPEN_CREAT = 0100,
    OPEN_EXCL = 0200,
    OPEN_TRUNC = 01000,
    OPEN_PATH = 010000000,
#if defined(__aarch64__)
    OPEN_NOFOLLOW = 0100000,
    OPEN_TMPFILE = 020000000 | 040000,
#else
    OPEN_NOFOLLOW = 0400000,
    OPEN_TMPFILE = 020000000 | 0200000,
#endif
};

/* Helpers by their number (linux/bpf.h). */
static void *(*const map_lookup)(const void *map, const void *key) = (void *)1;
static long (*const map_delete)(const void *map, const void *key) = (void *)3;
static u64 (*const time_now)(void) = (void *)5;
static u64 (*const current_pid)(void) = (void *)14;
static u64 (*const current_task)(void) = (void *)35;
static long (*const read_user)(void *to, u32 size, u64 from) = (void *)112;
static long (*const read_kernel)(void *to, u32 size, u64 from) = (void *)113;
static long (*const read_user_string)(void *to, u32 size, u64 from) = (void *)114;
static long (*const read_kernel_string)(void *to, u32 size, u64 from) = (void *)115;
static long (*const ring_output)(const void *ring, const void *data, u64 size, u64 flags) = (void *)130;
static long (*const loop)(u32 times, long (*step)(u64 index, void *walk), void *walk,
                          u64 flags) = (void *)181;
static void *(*const storage_get)(const void *map, const void *task, void *value, u64 flags) = (void *)156;
static void *(*const current_task_typed)(void) = (void *)158;

enum { STORAGE_CREATE = 1, RING_NO_WAKEUP = 1 };

/* The state of a thread: from the beginning of a call to its end, and values that stay the same between
 * calls. */
struct place {
    u64 mount, dentry; /* struct vfsmount, struct dentry */
};

struct state {
    u64 program;                 /* 0: not known yet */
    u64 root_mount, root_dentry; /* of a root that is "/" */
    struct identifier id[2];
    u64 arguments[6]; /* of a call whose path could not be read at its beginning */
    u32 rule;         /* its index */
    u32 slot[2];      /* in the set of known names */
    uint8_t pending, fault, names, told;
    uint8_t known[2]; /* enum outcome_bit */
    uint8_t opens;
    uint8_t inside; /* runs a program of the container, or comes from one that did */
};

struct scratch {
    struct event event;
    char text[TEXT_LIMIT + 16];
    char path[2 * TEXT_LIMIT + 512]; /* written backwards from TEXT_LIMIT; an event goes before it */
    u64 arguments[8];
    struct place root;
    struct identifier id;
    u64 used; /* of the following; it is in a map, so that the verifier does not follow each of its values */
    char variables[sizeof(struct event) + VARIABLES_ROOM + TEXT_LIMIT];
};

_Static_assert(sizeof(struct state) <= STATE_ROOM, "a state has no room");
_Static_assert(sizeof(struct scratch) <= SCRATCH_ROOM, "the scratch memory has no room");

/* Maps; the loader makes them, and knows them by name (load.c). */
extern const char map_rules[], map_scratch[], map_settings[], map_counters[], map_seen[], map_states[],
    map_ring[], map_first[];

/* Of the kernel: it makes a pointer that may be read; the read gives 0 where there is no memory. */
extern const void *bpf_rdonly_cast(const void *address, u32 type);

/* Whether the kernel permits that for any address (Linux 6.17). It costs an instruction, and the helper that
 * other kernels need 20 ns. The verifier removes the branch that is not taken. */
INLINE int reads_directly(void) {
    extern const char reads__directly[] __attribute__((weak));
    return reads__directly != 0;
}

INLINE u64 kernel_u64(u64 address) {
    u64 value = 0;
    if (reads_directly())
        return *(const volatile u64 *)bpf_rdonly_cast((const void *)address, 0);
    read_kernel(&value, sizeof value, address);
    return value;
}

INLINE u32 kernel_u32(u64 address) {
    u32 value = 0;
    if (reads_directly())
        return *(const volatile u32 *)bpf_rdonly_cast((const void *)address, 0);
    read_kernel(&value, sizeof value, address);
    return value;
}

INLINE void count(u32 which) {
    u64 *counter = map_lookup(map_counters, &which);
    if (counter)
        ++*counter;
}

INLINE struct scratch *get_scratch(void) {
    u32 zero = 0;
    return map_lookup(map_scratch, &zero);
}

INLINE u64 mix(u64 hash, u64 value) {
    hash = (hash ^ value) * 0x9FB21C651E98DF25ULL;
    return hash ^ hash >> 32;
}

/* ---- which processes --------------------------------------------------------------------------------- */

ALONE u64 is_below(u64 task, u64 cgroup) {
    u64 sets = kernel_u64(task + OFFSET(task_struct__cgroups));
    u64 group = kernel_u64(sets + OFFSET(css_set__dfl_cgrp));
    for (int i = 0; i < 16 && group; i++) {
        u64 node = kernel_u64(group + OFFSET(cgroup__kn));
        if (kernel_u64(node + OFFSET(kernfs_node__id)) == cgroup)
            return 1;
        /* A group's own state is its first member, and so is that of its parent. */
        group = kernel_u64(group + OFFSET(cgroup__self) + OFFSET(cgroup_subsys_state__parent));
    }
    return 0;
}

/* Returns the state of the current thread if it is traced. A thread with a state is traced and stays traced:
 * this takes one look-up, but the control group takes a read for each of its parents. */
INLINE struct state *traced_state(const void *task, u64 flags) {
    u32 zero = 0;
    struct state *state = storage_get(map_states, task, 0, 0);
    if (state)
        return state;
    struct settings *settings = map_lookup(map_settings, &zero);
    if (!settings)
        return 0;
    int below = settings->cgroup && is_below(current_task(), settings->cgroup);
    if (!below && settings->marked) {
        u32 tid = current_pid();
        below = map_lookup(map_first, &tid) && !map_delete(map_first, &tid);
        flags = STORAGE_CREATE;
    }
    if (!below || !flags)
        return 0;
    state = storage_get(map_states, task, 0, STORAGE_CREATE);
    if (!state)
        count(COUNT_LOST);
    return state;
}

/* ---- telling ----------------------------------------------------------------------------------------- */

/* Returns whether there was room. The agent is not woken: it reads the ring several hundred times a
 * second. */
INLINE int tell(const void *event, u64 size) {
    if (ring_output(map_ring, event, size, RING_NO_WAKEUP) == 0)
        return 1;
    count(COUNT_LOST);
    return 0;
}

INLINE void begin(struct event *event, uint8_t type) {
    __builtin_memset(event, 0, sizeof *event);
    event->type = type;
    event->pid = current_pid() >> 32;
    event->time = time_now();
}

/* ---- the set of known names -------------------------------------------------------------------------- */

enum { NEIGHBOURS = 4 /* buckets in which a name may be */ };

/* Returns the number of a name's slot, from 1, or 0 if it has none; with `takes`, an empty slot becomes its
 * own. The number of the bucket and 60 bits are enough: of a million names, two are alike once in 2^38 runs.
 */
ALONE u64 slot_of(u64 low, u64 high, u64 takes) {
    u64 mark = mix(high, low << 20 | low >> 44) & ~(u64)OUTCOMES;
    if (!mark)
        mark = OUTCOMES + 1;
    for (u32 i = 0; i < NEIGHBOURS; i++) {
        u32 index = (low + i) & (BUCKETS - 1);
        struct bucket *bucket = map_lookup(map_seen, &index);
        if (!bucket)
            return 0;
#pragma unroll
        for (u32 j = 0; j < SLOTS; j++) {
            u64 found = *(volatile u64 *)&bucket->slot[j];
            if (!found && !takes)
                return 0;
            if (!found)
                found = __sync_val_compare_and_swap(&bucket->slot[j], 0, mark);
            if (!found || (found & ~(u64)OUTCOMES) == mark)
                return (u64)index * SLOTS + j + 1;
        }
    }
    return 0;
}

INLINE u64 *slot_at(u64 number) {
    u32 index = (number - 1) / SLOTS;
    struct bucket *bucket = number ? map_lookup(map_seen, &index) : 0;
    return bucket ? &bucket->slot[(number - 1) & (SLOTS - 1)] : 0;
}

INLINE int is_known(const struct identifier *id) { return slot_of(id->low, id->high, 0) != 0; }

/* Returns the number of the slot. */
INLINE u64 remember(const struct identifier *id) {
    u64 slot = slot_of(id->low, id->high, 1);
    if (!slot)
        count(COUNT_UNINSERTED);
    return slot;
}

#endif
