/* For the programs in the kernel: paths, from the entries of directories up to a root. */
#ifndef EBPF_KERNEL_WALK_H
#define EBPF_KERNEL_WALK_H

#include "kernel.h"

/* ---- directories ------------------------------------------------------------------------------------- */

struct step {
    u64 parent, length_and_hash, name; /* of struct dentry; the loader knows that they are neighbours */
};

/* Goes up by a component or over a mount point. `step->name` is 0 if there is no component. Returns whether
 * there are more. */
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
    u64 entry = at->dentry + OFFSET(dentry__d_parent);
    step->parent = kernel_u64(entry);
    step->length_and_hash = kernel_u64(entry + 8);
    step->name = kernel_u64(entry + 16);
    if (!step->name) /* it is gone */
        return 0;
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

/* Returns a number for the path of a directory, as seen from a root: from the names and the places in memory
 * of all its components. Returns 0 if there are too many. */
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
        u64 length = step.length_and_hash >> 32, position = walk->position & (TEXT_LIMIT - 1);
        struct scratch *scratch = get_scratch();
        if (!scratch || length > 255 || position < length + 1) {
            walk->end = END_LONG;
            return 1;
        }
        position = (position - length - 1) & (TEXT_LIMIT - 1); /* for the verifier: it is in the range */
        walk->position = position;
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

/* Reports an event with a path that was written at `position`. */
INLINE int tell_written(struct scratch *scratch, u64 position) {
    position &= TEXT_LIMIT - 1;
    u64 size = TEXT_LIMIT - 1 - position;
    scratch->event.size = size;
    read_kernel(&scratch->path[position], sizeof scratch->event, (u64)&scratch->event);
    size = (size & (TEXT_LIMIT - 1)) + sizeof scratch->event;
    return tell(&scratch->path[position], size);
}

/* Reports the path of a place once, seen from the root in the scratch memory, as an event with `number`.
 * Returns whether there was room. */
ALONE u64 tell_path(u64 number, u64 type, u64 mount, u64 dentry) {
    struct identifier id = {number, type};
    if (is_known(&id))
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
    place->mount = kernel_u64(path); /* struct path: mnt, dentry */
    place->dentry = kernel_u64(path + 8);
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

/* Returns whether the program's file is in the mounts of its process. It is not for a container runtime that
 * is about to execute something in the container. A process that was inside stays inside, whatever it
 * executes or mounts. */
INLINE int is_inside(u64 task) {
    struct place program;
    program_place(&program, task);
    u64 own = kernel_u64(kernel_u64(task + OFFSET(task_struct__nsproxy)) + OFFSET(nsproxy__mnt_ns));
    return kernel_u64(program.mount - OFFSET(mount__mnt) + OFFSET(mount__mnt_ns)) == own;
}

/* Its path is the one in its mounts, as for a root. */
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

#endif
