/* For the programs in the kernel: the names in a call. */
#ifndef EBPF_KERNEL_NAMES_H
#define EBPF_KERNEL_NAMES_H

#include "kernel_walk.h"

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

/* Computes the fingerprint of the text with numbers that belong to it. Only the agent knows the secret. */
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

/* Reports the text in the scratch memory as a name. */
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
    state->slot[which] = slot_of(id.low, id.high, 0);
    const u64 *known = slot_at(state->slot[which]);
    if (known) {
        state->known[which] = *known & OUTCOMES;
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
        state->slot[which] = remember(&id);
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

/* Returns how open(2) uses a path, as open_access() of handle.c does. */
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

/* Returns 0, or -errno if the name cannot be reported. */
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

/* Reports the names in a call. If a page of a path is not in memory yet (EFAULT), it is at the end of the
 * call. */
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

#endif
