/* The programs that run in the kernel, at the begin and the end of each system call (tp_btf), at executions
 * and forks. What is new goes to the ring; what is known costs a look-up.
 *
 * A name that looks like a member, `task_struct__fs`, is an offset that the loader puts in (btf.c): the
 * object depends on no kernel's layout. Pointers of the kernel are numbers here, read with
 * bpf_probe_read_kernel(), so that a process that changes while it is looked at yields an error and no fault.
 */
#include "../calls.h"
#include "../protocol.h"
#include "event.h"

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define SUBPROGRAM static __attribute__((noinline))
/* A function that the verifier looks at once, whoever calls it: its arguments and its result are numbers, and
 * load.c knows it by name. Others are looked at for each call. */
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
    RESTARTS = 512, /* ERESTARTSYS and its like: the call begins again */
    RESTARTS_END = 532,
    DEPTH = TEXT_LIMIT / 2, /* components of a path */
    VARIABLES = 1024,       /* strings of an environment that are looked at */
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
static long (*const map_update)(const void *map, const void *key, const void *value, u64 flags) = (void *)2;
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

enum { STORAGE_CREATE = 1, NO_EXIST = 1, RING_NO_WAKEUP = 1 };

/* Of a thread, from the begin of a call to its end, and what does not change between calls. */
struct place {
    u64 mount, dentry; /* struct vfsmount, struct dentry */
};

struct state {
    u64 program;                 /* 0: not known yet */
    u64 root_mount, root_dentry; /* of a root that is "/" */
    struct identifier id[2];
    u64 arguments[6]; /* of a call whose path could not be read at its begin */
    u32 rule;         /* its index */
    uint8_t pending, marked, fault, names, told;
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
    u64 used; /* of the following: in a map, where the verifier does not follow each of its values */
    char variables[sizeof(struct event) + VARIABLES_ROOM + TEXT_LIMIT];
};

_Static_assert(sizeof(struct state) <= STATE_ROOM, "a state has no room");
_Static_assert(sizeof(struct scratch) <= SCRATCH_ROOM, "the scratch memory has no room");

/* Maps; the loader makes them, and knows them by name (load.c). */
extern const char map_rules[], map_scratch[], map_settings[], map_counters[], map_seen[], map_states[],
    map_ring[], map_first[];

INLINE u64 kernel_u64(u64 address) {
    u64 value = 0;
    read_kernel(&value, sizeof value, address);
    return value;
}

INLINE u32 kernel_u32(u64 address) {
    u32 value = 0;
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

/* The state of the current thread if it is traced. */
INLINE struct state *traced_state(u64 task, u64 flags) {
    u32 zero = 0;
    struct settings *settings = map_lookup(map_settings, &zero);
    if (!settings)
        return 0;
    if (settings->cgroup && is_below(task, settings->cgroup)) {
        struct state *state = storage_get(map_states, current_task_typed(), 0, flags);
        if (!state && flags)
            count(COUNT_LOST);
        return state;
    }
    if (!settings->marked)
        return 0;
    struct state *state = storage_get(map_states, current_task_typed(), 0, 0);
    if (state)
        return state->marked ? state : 0;
    u32 tid = current_pid();
    if (!map_lookup(map_first, &tid))
        return 0;
    map_delete(map_first, &tid);
    state = storage_get(map_states, current_task_typed(), 0, STORAGE_CREATE);
    if (state)
        state->marked = 1;
    else
        count(COUNT_LOST);
    return state;
}

/* ---- telling ----------------------------------------------------------------------------------------- */

/* Whether there was room. The agent is not woken: it looks at the ring some hundred times a second. */
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

INLINE void remember(const struct identifier *id) {
    u64 nothing = 0;
    long error = map_update(map_seen, id, &nothing, NO_EXIST);
    if (error && error != -17) /* EEXIST: another processor was faster */
        count(COUNT_UNINSERTED);
}

/* ---- directories ------------------------------------------------------------------------------------- */

struct step {
    u64 parent, length_and_hash, name; /* of struct dentry; the loader knows that they are neighbours */
};

/* Goes up by a component or over a mount point. `step->name` is 0 when there is none to tell of. Returns
 * whether there is more. */
INLINE int go_up(struct place *at, struct step *step) {
    u64 top = kernel_u64(at->mount + OFFSET(vfsmount__mnt_root));
    if (at->dentry == top) {
        u64 mount = at->mount - OFFSET(mount__mnt);
        u64 parent = kernel_u64(mount + OFFSET(mount__mnt_parent));
        step->name = 0;
        if (parent == mount || !parent)
            return 0;
        at->dentry = kernel_u64(mount + OFFSET(mount__mnt_mountpoint));
        at->mount = parent + OFFSET(mount__mnt);
        return 1;
    }
    if (read_kernel(step, sizeof *step, at->dentry + OFFSET(dentry__d_parent))) {
        step->name = 0;
        return 0;
    }
    u64 before = at->dentry;
    at->dentry = step->parent;
    return before != step->parent; /* else it is in no directory: a file of memfd_create(2) */
}

/* A walk from a place up to a root. */
struct walk {
    struct place at, root;
    u64 hash, position;
    u64 end; /* enum end */
};

enum end { END_NONE, END_ROOT, END_TOP, END_NOWHERE /* in no directory */, END_LONG };

static long number_step(u64 index, void *context) {
    struct walk *walk = context;
    struct step step;
    (void)index;
    if (walk->at.dentry == walk->root.dentry && walk->at.mount == walk->root.mount) {
        walk->end = END_ROOT;
        return 1;
    }
    u64 before = walk->at.dentry;
    int more = go_up(&walk->at, &step);
    if (step.name)
        walk->hash = mix(walk->hash, before ^ step.length_and_hash * 31);
    if (!more)
        walk->end = END_TOP;
    return !more;
}

/* A number for the path of a directory, as seen from a root: of the names and places in memory of all its
 * components. 0 when there are too many. */
ALONE u64 number_of(u64 mount, u64 dentry, u64 root_mount, u64 root_dentry, u64 seed) {
    struct walk walk = {{mount, dentry}, {root_mount, root_dentry}, mix(OFFSET(secret__low), seed), 0, 0};
    loop(DEPTH, number_step, &walk, 0);
    if (walk.end == END_NONE)
        return 0;
    return (walk.end == END_ROOT ? walk.hash : walk.hash ^ TOP_MARK) | 1;
}

static long path_step(u64 index, void *context) {
    struct walk *walk = context;
    struct step step;
    (void)index;
    if (walk->at.dentry == walk->root.dentry && walk->at.mount == walk->root.mount) {
        walk->end = END_ROOT;
        return 1;
    }
    int more = go_up(&walk->at, &step);
    if (step.name) {
        u64 length = step.length_and_hash >> 32, position = walk->position;
        struct scratch *scratch = get_scratch();
        if (!scratch || length > 255 || position < length + 1) {
            walk->end = END_LONG;
            return 1;
        }
        walk->position = position -= length + 1;
        char *name = &scratch->path[sizeof(struct event) + (position & (TEXT_LIMIT - 1))];
        name[0] = '/';
        read_kernel(name + 1, length & 255, step.name);
    }
    if (!more)
        walk->end = step.name ? END_NOWHERE : END_TOP;
    return !more;
}

/* Writes the path of a place, seen from the root in the scratch memory. Returns its position there, and how
 * the walk ended above that. */
ALONE u64 write_path(u64 mount, u64 dentry) {
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return 0;
    struct walk walk = {{mount, dentry}, scratch->root, 0, TEXT_LIMIT - 1, END_NONE};
    loop(DEPTH, path_step, &walk, 0);
    return (walk.position & (TEXT_LIMIT - 1)) | walk.end << 32;
}

/* Tells an event with a path that has been written at `position`. */
INLINE int tell_written(struct scratch *scratch, u64 position) {
    position &= TEXT_LIMIT - 1;
    u64 size = TEXT_LIMIT - 1 - position;
    scratch->event.size = size;
    read_kernel(&scratch->path[position], sizeof scratch->event, (u64)&scratch->event);
    size = (size & (TEXT_LIMIT - 1)) + sizeof scratch->event;
    return tell(&scratch->path[position], size);
}

/* Tells the path of a place once, seen from the root in the scratch memory, as an event that has `number`.
 * Returns whether there was room. */
ALONE u64 tell_path(u64 number, u64 type, u64 mount, u64 dentry) {
    struct identifier id = {number, type};
    if (map_lookup(map_seen, &id))
        return 1;
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return 0;
    u64 written = write_path(mount, dentry), end = written >> 32;
    begin(&scratch->event, type);
    scratch->event.flags = end == END_ROOT                        ? 0
                           : end == END_TOP || end == END_NOWHERE ? EVENT_OUTSIDE
                                                                  : EVENT_LONG;
    scratch->event.id = id;
    if (!tell_written(scratch, written))
        return 0;
    remember(&id);
    return 1;
}

INLINE void get_place(struct place *place, u64 path) {
    struct {
        u64 mount, dentry;
    } both = {0, 0};
    read_kernel(&both, sizeof both, path); /* struct path: mnt, dentry */
    place->mount = both.mount;
    place->dentry = both.dentry;
}

INLINE u64 file_of(u64 task, u32 number) {
    u64 files = kernel_u64(task + OFFSET(task_struct__files));
    u64 table = kernel_u64(files + OFFSET(files_struct__fdt));
    if (number >= kernel_u32(table + OFFSET(fdtable__max_fds)))
        return 0;
    return kernel_u64(kernel_u64(table + OFFSET(fdtable__fd)) + 8ULL * number);
}

INLINE void program_place(struct place *place, u64 task) {
    u64 memory = kernel_u64(task + OFFSET(task_struct__mm));
    u64 file = kernel_u64(memory + OFFSET(mm_struct__exe_file));
    get_place(place, file + OFFSET(file__f_path));
}

/* Whether the program's file is in the mounts of its process. That of a container runtime which is about to
 * execute something in the container is not. What has been inside stays so, whatever it executes or mounts.
 */
INLINE int is_inside(u64 task) {
    struct place program;
    program_place(&program, task);
    u64 own = kernel_u64(kernel_u64(task + OFFSET(task_struct__nsproxy)) + OFFSET(nsproxy__mnt_ns));
    return kernel_u64(program.mount - OFFSET(mount__mnt) + OFFSET(mount__mnt_ns)) == own;
}

/* Its path is as its mounts have it, as that of a root. */
INLINE int tell_program(struct scratch *scratch, const struct state *state) {
    struct place program = {0, 0};
    scratch->root.mount = scratch->root.dentry = 0;
    if (state->inside)
        program_place(&program, current_task());
    return tell_path(state->program, EVENT_PROGRAM, program.mount, program.dentry);
}

INLINE u64 program_number(const struct state *state, u64 task) {
    struct place program = {0, 0};
    if (state->inside)
        program_place(&program, task);
    return number_of(program.mount, program.dentry, 0, 0, 2);
}

/* ---- names ------------------------------------------------------------------------------------------- */

INLINE void add_word(struct identifier *id, u64 word) {
    id->low = mix(id->low, word);
    u64 high = (id->high + word) * 0xD6E8FEB86659FD93ULL;
    id->high = high ^ high >> 29;
}

static long word_step(u64 index, void *context) {
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return 1;
    add_word(context, *(u64 *)&scratch->text[index * 8 & (TEXT_LIMIT - 8)]);
    return 0;
}

/* The fingerprint of the text with numbers that belong to it. Only the agent knows the secret. */
ALONE u64 fingerprint(u64 low, u64 high, u64 size) {
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return 0;
    struct identifier id = {low, high};
    loop((size & (TEXT_LIMIT - 1)) >> 3, word_step, &id, 0);
    u64 rest = size & 7;
    u64 word = *(u64 *)&scratch->text[size & (TEXT_LIMIT - 8)];
    add_word(&id, rest ? word & ((1ULL << (rest * 8)) - 1) : 0);
    add_word(&id, size);
    scratch->id.low = mix(id.low, id.high >> 17);
    scratch->id.high = (id.high ^ id.high >> 32) | 0x100; /* no number of a program or directory */
    return 0;
}

enum { FORM_PATH, FORM_ITSELF };

struct named {
    uint8_t access, flags, form;
    int32_t directory; /* a descriptor, or AT_FDCWD */
    u64 size;          /* of the text, without its NUL */
};

enum { WORKING_DIRECTORY = -100 };

/* The text of the scratch memory is named. */
SUBPROGRAM int name(struct scratch *scratch, struct state *state, const struct named *named, u64 which) {
    u64 task = current_task();
    u64 fs = kernel_u64(task + OFFSET(task_struct__fs));
    struct place root, directory = {0, 0};
    get_place(&root, fs + OFFSET(fs_struct__root));
    u64 root_number = 0, directory_number = 0;
    if (root.mount != state->root_mount || root.dentry != state->root_dentry) {
        u64 plain = (mix(OFFSET(secret__low), 1) ^ TOP_MARK) | 1;
        root_number = number_of(root.mount, root.dentry, 0, 0, 1);
        if (root_number == plain) {
            root_number = 0;
            state->root_mount = root.mount;
            state->root_dentry = root.dentry;
        }
    }
    uint8_t flags = named->flags;
    if (named->form == FORM_ITSELF || flags & EVENT_IN_ROOT || scratch->text[0] != '/') {
        flags |= named->form == FORM_ITSELF ? EVENT_ITSELF : EVENT_RELATIVE;
        if (named->directory == WORKING_DIRECTORY) {
            get_place(&directory, fs + OFFSET(fs_struct__pwd));
        } else {
            u64 file = file_of(task, named->directory);
            if (!file)
                return -9; /* EBADF */
            get_place(&directory, file + OFFSET(file__f_path));
        }
        directory_number = number_of(directory.mount, directory.dentry, root.mount, root.dentry, root_number);
        if (!directory_number)
            return -ENAMETOOLONG;
    }
    if (!state->program)
        state->program = program_number(state, task);
    u64 low =
        mix(OFFSET(secret__low) ^ state->program, root_number ^ (u64)named->access << 8 ^ (u64)flags << 16);
    fingerprint(low, OFFSET(secret__high) ^ directory_number,
                named->form == FORM_ITSELF ? 0 : named->size & (TEXT_LIMIT - 1));
    struct identifier id = scratch->id;
    which &= 1;
    state->id[which] = id;
    state->known[which] = 0;
    state->names |= 1 << which;
    uint8_t *known = map_lookup(map_seen, &id);
    if (known) {
        state->known[which] = *known;
        return 0;
    }
    if (!tell_program(scratch, state) ||
        (root_number && !tell_path(root_number, EVENT_DIRECTORY, root.mount, root.dentry)))
        return 0;
    scratch->root = root;
    if (directory_number && !tell_path(directory_number, EVENT_DIRECTORY, directory.mount, directory.dentry))
        return 0;
    struct event *event = &scratch->event;
    begin(event, EVENT_NAME);
    event->access = named->access;
    event->flags = flags;
    event->id = id;
    event->program = state->program;
    event->directory = directory_number;
    event->root = root_number;
    u64 size = named->form == FORM_ITSELF ? 0 : named->size & (TEXT_LIMIT - 1);
    event->size = size;
    if (tell(event, sizeof *event + size))
        remember(&id);
    return 0;
}

INLINE void tell_fault(struct scratch *scratch, struct state *state, uint8_t access, int error) {
    struct event *event = &scratch->event;
    if (!state->program)
        state->program = program_number(state, current_task());
    tell_program(scratch, state);
    begin(event, EVENT_FAULT);
    event->access = access;
    event->program = state->program;
    event->result = error;
    if (tell(event, sizeof *event))
        count(COUNT_TOLD);
    state->told = 1;
}

/* How open(2) uses what it opens; as open_access() of handle.c. */
INLINE int is_nameless(u64 flags) { return (flags & OPEN_TMPFILE) == OPEN_TMPFILE; }

INLINE uint8_t open_access(u64 flags) {
    if (flags & OPEN_PATH)
        return ACCESS_STAT;
    if (is_nameless(flags))
        return ACCESS_WRITE;
    if (flags & OPEN_CREAT)
        return ACCESS_CREATE;
    return flags & (OPEN_ACCMODE | OPEN_TRUNC) ? ACCESS_WRITE : ACCESS_READ;
}

INLINE int open_nofollow(u64 flags) {
    enum { EXCLUSIVE = OPEN_CREAT | OPEN_EXCL };
    return (flags & OPEN_NOFOLLOW) || (flags & EXCLUSIVE) == EXCLUSIVE;
}

/* Returns 0, or -errno where what is named cannot be told. */
INLINE int socket_name(struct scratch *scratch, struct state *state, uint8_t access, u64 address,
                       u64 length) {
    uint16_t family = 0;
    length = (u32)length;
    if (length <= sizeof family)
        return 0;
    if (read_user(&family, sizeof family, address))
        return -EFAULT;
    if (family != 1) /* AF_UNIX */
        return 0;
    length -= sizeof family;
    u32 room = length < 108 ? length + 1 : 109;
    long size = read_user_string(scratch->text, room & 127, address + sizeof family);
    if (size < 0)
        return -EFAULT;
    if (size <= 1)
        return 0;
    struct named named = {access, access == ACCESS_BIND ? EVENT_NOFOLLOW : 0, FORM_PATH, WORKING_DIRECTORY,
                          size - 1};
    return name(scratch, state, &named, 0);
}

SUBPROGRAM int socket_call(struct scratch *scratch, struct state *state, const struct rule *rule) {
    if (rule->kind == 1 + CALL_SOCKET)
        return socket_name(scratch, state, rule->name[0].access, scratch->arguments[1],
                           scratch->arguments[2]);
    u32 inner[3] = {0, 0, 0};
    u64 number = scratch->arguments[0];
    if (number != 2 && number != 3) /* SYS_BIND, SYS_CONNECT of linux/net.h */
        return 0;
    if (read_user(inner, sizeof inner, scratch->arguments[1]))
        return -EFAULT;
    return socket_name(scratch, state, number == 2 ? ACCESS_BIND : ACCESS_CONNECT, inner[1], inner[2]);
}

SUBPROGRAM int path_call(struct scratch *scratch, struct state *state, const struct rule *rule, u64 which) {
    const struct rule_name *rule_name = &rule->name[which & 1];
    struct named named = {rule_name->access, 0, FORM_PATH, WORKING_DIRECTORY, 0};
    u64 flags = rule_name->flags >= 0 ? scratch->arguments[rule_name->flags & 7] : 0;
    int nofollow = rule_name->nofollow ^ !!(flags & rule_name->toggle);
    if (rule_name->dirfd >= 0)
        named.directory = scratch->arguments[rule_name->dirfd & 7];
    if (rule->kind == 1 + CALL_OPENAT2) {
        u64 how[3] = {0, 0, 0};
        if (read_user(how, sizeof how, flags))
            return -EFAULT;
        flags = how[0];
        if (how[2] & 0x10) /* RESOLVE_IN_ROOT */
            named.flags = EVENT_IN_ROOT;
    }
    if (rule->kind == 1 + CALL_OPEN || rule->kind == 1 + CALL_OPENAT2) {
        named.access = open_access(flags);
        nofollow = open_nofollow(flags);
        state->opens = !is_nameless(flags);
    }
    if (nofollow)
        named.flags |= EVENT_NOFOLLOW;
    if (rule_name->path < 0) {
        named.form = FORM_ITSELF;
        return named.directory < 0 ? -9 : name(scratch, state, &named, which);
    }
    u64 address = scratch->arguments[rule_name->path & 7];
    if (!address && rule_name->dirfd >= 0)
        return 0;
    long size = read_user_string(scratch->text, TEXT_LIMIT + 1, address);
    if (size < 0)
        return -EFAULT;
    if (size > TEXT_LIMIT)
        return -ENAMETOOLONG;
    if (size <= 1) {
        if (rule->kind != 1 + CALL_EXEC || rule_name->dirfd < 0)
            return 0;
        named.form = FORM_ITSELF; /* fexecve(3) */
    }
    named.size = size - 1;
    return name(scratch, state, &named, which);
}

/* Names what a call names. A page of a path that is not there yet (EFAULT) is by the end of the call. */
SUBPROGRAM int handle(struct scratch *scratch, struct state *state, const struct rule *rule, u64 final) {
    int first, second = 0;
    if (rule->kind == 1 + CALL_SOCKET || rule->kind == 1 + CALL_SOCKETCALL) {
        first = socket_call(scratch, state, rule);
    } else {
        first = path_call(scratch, state, rule, 0);
        if (rule->name[1].path >= 0)
            second = path_call(scratch, state, rule, 1);
    }
    if (!first && !second)
        return 0;
    if (!final && (first == -EFAULT || second == -EFAULT)) {
        for (int i = 0; i < 6; i++)
            state->arguments[i] = scratch->arguments[i];
        state->fault = 1;
        state->names = 0;
        return 0;
    }
    if (first)
        tell_fault(scratch, state, rule->name[0].access, first);
    else
        tell_fault(scratch, state, rule->name[1].access, second);
    return 0;
}

/* ---- the begin and the end of a call ----------------------------------------------------------------- */

/* Architectures differ in where the arguments are, and how to know a call of 32 bits. */
#if defined(__x86_64__)
INLINE int is_compat(u64 task) {
    enum { TS_COMPAT = 2 };
    return kernel_u32(task + OFFSET(task_struct__thread_info) + OFFSET(thread_info__status)) & TS_COMPAT;
}

INLINE void get_arguments(struct scratch *scratch, const u64 *registers, int compat) {
    /* struct pt_regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di */
    if (compat) {
        scratch->arguments[0] = (u32)registers[5];
        scratch->arguments[1] = (u32)registers[11];
        scratch->arguments[2] = (u32)registers[12];
        scratch->arguments[3] = (u32)registers[13];
        scratch->arguments[4] = (u32)registers[14];
        scratch->arguments[5] = (u32)registers[4];
        return;
    }
    scratch->arguments[0] = registers[14];
    scratch->arguments[1] = registers[13];
    scratch->arguments[2] = registers[12];
    scratch->arguments[3] = registers[7];
    scratch->arguments[4] = registers[9];
    scratch->arguments[5] = registers[8];
}
#elif defined(__aarch64__)
INLINE int is_compat(u64 task) {
    enum { TIF_32BIT = 22 };
    return kernel_u64(task + OFFSET(task_struct__thread_info) + OFFSET(thread_info__flags)) >> TIF_32BIT & 1;
}

INLINE void get_arguments(struct scratch *scratch, const u64 *registers, int compat) {
    (void)compat;
    for (int i = 0; i < 6; i++)
        scratch->arguments[i] = registers[i];
}
#endif

SECTION("sys_enter") int enter(const u64 *context) {
    u64 task = current_task();
    int compat = is_compat(task);
    u64 number = context[1] & ~(u64)X32_BIT;
    if (number >= CALL_NUMBERS)
        return 0;
    u32 index = number + (compat ? CALL_NUMBERS : 0);
    struct rule *rule = map_lookup(map_rules, &index);
    if (!rule || !rule->kind)
        return 0;
    struct state *state = traced_state(task, STORAGE_CREATE);
    struct scratch *scratch = get_scratch();
    if (!state || !scratch)
        return 0;
    state->rule = index;
    state->pending = 1;
    state->names = state->fault = state->told = state->opens = 0;
    if (!state->inside)
        state->inside = is_inside(task);
    if (!state->inside && rule->kind != 1 + CALL_EXEC)
        return 0;
    get_arguments(scratch, (const u64 *)context[0], compat);
    handle(scratch, state, rule, 0);
    return 0;
}

/* Writes the real path of what was opened; returns its position. */
INLINE u64 opened_path(struct scratch *scratch, u64 number) {
    struct place at;
    get_place(&at, file_of(current_task(), number) + OFFSET(file__f_path));
    scratch->root.mount = scratch->root.dentry = 0;
    u64 written = write_path(at.mount, at.dentry);
    return written >> 32 == END_TOP ? written & (TEXT_LIMIT - 1) : TEXT_LIMIT - 1;
}

INLINE uint8_t outcome_of(s64 result, u64 task, int opens) {
    if (result >= 0) {
        u64 file = opens ? file_of(task, result) : 0;
        return file && kernel_u32(file + OFFSET(file__f_mode)) & MODE_CREATED ? OUTCOME_CREATED
                                                                              : OUTCOME_DONE;
    }
    return result == -ENOENT || result == -ENOTDIR ? OUTCOME_ABSENT : OUTCOME_FAILED;
}

/* Whether the outcome of a name is new; marks it. */
INLINE int is_new(const struct state *state, u32 which, uint8_t outcome) {
    if (!(state->names & 1 << which) || state->known[which] & outcome)
        return 0;
    struct identifier id = state->id[which];
    uint8_t *known = map_lookup(map_seen, &id);
    if (known) {
        if (*known & outcome)
            return 0;
        *known |= outcome;
    }
    return 1;
}

SUBPROGRAM int tell_result(struct scratch *scratch, struct state *state, s64 result) {
    uint8_t outcome = outcome_of(result, current_task(), state->opens);
    int first = is_new(state, 0, outcome), second = is_new(state, 1, outcome);
    if (!first && !second)
        return 0;
    u64 position = TEXT_LIMIT - 1;
    if (state->opens && outcome == OUTCOME_DONE)
        position = opened_path(scratch, result);
    struct event *event = &scratch->event;
    begin(event, EVENT_RESULT);
    event->flags = outcome == OUTCOME_CREATED ? EVENT_CREATED : 0;
    event->access = outcome;
    if (first)
        event->id = state->id[0];
    if (second)
        event->second = state->id[1];
    event->result = result;
    if (tell_written(scratch, position))
        count(COUNT_TOLD);
    state->told = 1;
    return 0;
}

SECTION("sys_exit") int leave_call(const u64 *context) {
    struct state *state = storage_get(map_states, current_task_typed(), 0, 0);
    if (!state || !state->pending)
        return 0;
    s64 result = context[1];
    state->pending = 0;
    if (result <= -RESTARTS && result > -RESTARTS_END)
        return 0;
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return 0;
    if (state->fault) {
        struct rule *rule = map_lookup(map_rules, &state->rule);
        for (int i = 0; i < 6; i++)
            scratch->arguments[i] = state->arguments[i];
        if (rule)
            handle(scratch, state, rule, 1);
    }
    if (state->names)
        tell_result(scratch, state, result);
    if (!state->told)
        count(state->names ? COUNT_REPEATED : COUNT_IGNORED);
    return 0;
}

/* ---- executions and forks ---------------------------------------------------------------------------- */

struct variables {
    u64 at, end; /* in the memory of the program */
};

static long variable_step(u64 index, void *context) {
    struct variables *variables = context;
    struct scratch *scratch = get_scratch();
    (void)index;
    if (!scratch || variables->at >= variables->end)
        return 1;
    char *text = &scratch->variables[sizeof(struct event) + (scratch->used & (VARIABLES_ROOM - 1))];
    long size = read_user_string(text, TEXT_LIMIT, variables->at);
    if (size <= 0 || size >= TEXT_LIMIT) {
        /* What is longer is no path; but one that begins so is too much for us. */
        scratch->used = VARIABLES_ROOM;
        return 1;
    }
    variables->at += size;
    if (text[0] == 'L' && text[1] == 'D' && text[2] == '_')
        scratch->used += size;
    return scratch->used >= VARIABLES_ROOM;
}

/* The new program's LD_* variables are on its stack by now, one after the other. Returns their size,
 * VARIABLES_ROOM when there is no room. */
ALONE u64 loader_variables(u64 task) {
    struct scratch *scratch = get_scratch();
    if (!scratch)
        return VARIABLES_ROOM;
    scratch->used = 0;
    u64 memory = kernel_u64(task + OFFSET(task_struct__mm));
    struct variables variables = {kernel_u64(memory + OFFSET(mm_struct__env_start)),
                                  kernel_u64(memory + OFFSET(mm_struct__env_end))};
    loop(VARIABLES, variable_step, &variables, 0);
    return variables.at < variables.end ? VARIABLES_ROOM : scratch->used;
}

SECTION("sched_process_exec") int executed(const u64 *context) {
    u64 task = current_task();
    struct state *state = traced_state(task, STORAGE_CREATE);
    struct scratch *scratch = get_scratch();
    if (!state || !scratch)
        return 0;
    u64 asker = state->program;
    if (state->pending && state->fault) { /* its path was not readable, but is the kernel's by now */
        u64 name_address = kernel_u64(context[2] + OFFSET(linux_binprm__filename));
        long size = read_kernel_string(scratch->text, TEXT_LIMIT, name_address);
        struct named named = {ACCESS_EXEC, 0, FORM_PATH, WORKING_DIRECTORY, size - 1};
        if (size > 1 && size < TEXT_LIMIT && !name(scratch, state, &named, 0))
            state->fault = 0;
    }
    state->program = 0;
    u64 used = loader_variables(task);
    struct event *event = (struct event *)scratch->variables;
    begin(event, EVENT_EXEC);
    if (used >= VARIABLES_ROOM) {
        event->flags = EVENT_LONG;
        used = 0;
    }
    if (state->pending && state->names)
        event->id = state->id[0];
    event->program = asker;
    used &= VARIABLES_ROOM - 1;
    event->size = used;
    tell(event, sizeof *event + used);
    return 0;
}

SECTION("sched_process_fork") int forked(const u64 *context) {
    struct state *state = traced_state(current_task(), 0);
    if (!state || !(state->marked || state->inside))
        return 0;
    struct state *child = storage_get(map_states, (const void *)context[1], 0, STORAGE_CREATE);
    if (!child) {
        count(COUNT_LOST);
        return 0;
    }
    child->marked = state->marked;
    child->inside = state->inside;
    return 0;
}
