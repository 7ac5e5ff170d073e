/* The data that the programs in the kernel (kernel.bpf.c) and the agent (ebpf.c) share: the ring's events,
 * the table of calls, and the counters. */
#ifndef EBPF_EVENT_H
#define EBPF_EVENT_H

#include <stdint.h>

enum {
    TEXT_LIMIT = 4096, /* PATH_MAX: a path with its NUL */
    CALL_NUMBERS = 1024,
    CALL_RULES = 2 * CALL_NUMBERS, /* native, then compat */
    STATE_ROOM = 192,
    SLOTS = 8,         /* of a bucket in the set of known names */
    BUCKETS = 1 << 18, /* a power of two */
    SCRATCH_ROOM = 26 << 10
};

enum event_type {
    EVENT_NAME,      /* `id` names a path (text) in a directory, requested by a program under a root */
    EVENT_RESULT,    /* the end of a call that named `id`, and `second` if that is not 0 */
    EVENT_PROGRAM,   /* `id` is the number of a program, and text its path */
    EVENT_DIRECTORY, /* `id` is the number of a directory or root, and text its path */
    EVENT_FAULT,     /* a path could not be read; `result` is -errno */
    EVENT_EXEC,      /* `id` has been executed; text: its LD_* variables, each with its NUL */
    EVENT_OPENED     /* the kernel opened text for a program without a call that names it */
};

enum event_flag {
    EVENT_NOFOLLOW = 1,
    EVENT_RELATIVE = 2, /* to `directory` */
    EVENT_ITSELF = 4,   /* the directory itself is named */
    EVENT_IN_ROOT = 8,  /* "/" is the directory, too (RESOLVE_IN_ROOT) */
    EVENT_OUTSIDE = 16, /* a directory's path is not inside its process's root but as in its mounts */
    EVENT_CREATED = 32, /* an open made the file */
    EVENT_LONG = 64     /* a path has more components or bytes than the programs follow */
};

struct identifier {
    uint64_t low, high;
};

struct event {
    uint8_t type, access, flags, unused;
    uint32_t pid;
    struct identifier id, second;
    uint64_t program, directory, root;
    uint64_t time; /* CLOCK_MONOTONIC, nanoseconds */
    int32_t result;
    uint32_t size; /* of the text that follows */
};

/* The outcomes of calls with a known path. */
enum outcome_bit { OUTCOME_DONE = 1, OUTCOME_ABSENT = 2, OUTCOME_FAILED = 4, OUTCOME_CREATED = 8 };
enum { OUTCOMES = 15 };

/* Some of the names that are known, as a cache line. A slot has a fingerprint and, in its last bits,
 * outcomes; 0 is an empty one. */
struct bucket {
    uint64_t slot[SLOTS];
};

/* One argument that names a path, as struct call_name of calls.h. */
struct rule_name {
    uint8_t access;
    int8_t dirfd, path;
    uint8_t nofollow;
    int8_t flags;
    uint8_t unused[3];
    uint32_t toggle;
};

enum { RULE_URING = 255 }; /* a rule's kind: io_uring is used */

struct rule {
    uint32_t kind;      /* 1 + enum call_kind; 0: not traced */
    uint32_t is_traced; /* of a native call: this number is that of a traced call, native or compat */
    struct rule_name name[2];
};

enum counter {
    COUNT_TOLD,       /* events EVENT_RESULT and EVENT_FAULT */
    COUNT_REPEATED,   /* calls that named nothing new */
    COUNT_IGNORED,    /* calls that name nothing */
    COUNT_LOST,       /* events without room in the ring, states without memory */
    COUNT_UNINSERTED, /* members without room in the set: reported again each time */
    COUNT_URING,      /* paths requested through io_uring; on kernels that do not report them, its uses */
    COUNTERS
};

/* The traced processes: those below a control group and, if `marked`, those that are marked. */
struct settings {
    uint64_t cgroup; /* 0: none */
    uint32_t marked, unused;
};

#endif
