/* The programs that run in the kernel, at the beginning and the end of each system call (tp_btf), at
 * executions and forks. New names go to the ring; known names cost one look-up.
 *
 * A name with the form of a member, `task_struct__fs`, is an offset that the loader inserts (btf.c), so that
 * the object does not depend on a kernel's layout. Pointers of the kernel are numbers here, read with
 * bpf_probe_read_kernel(), so that a process that changes during the reading causes an error and no fault. */
#include "kernel_names.h"

/* ---- the begin and the end of a call ----------------------------------------------------------------- */

/* Architectures differ in where the arguments are, and in how a call of 32 bits is recognized. These programs
 * run at every call of every process, so the verifier checks this pointer, and no helper has to read it. */
#if defined(__x86_64__)
INLINE u64 number_at_end(const u64 *context) {
    return ((const u64 *)context[0])[15]; /* orig_ax, which an execution sets as well */
}

INLINE int is_compat(const char *task) {
    enum { TS_COMPAT = 2 };
    return *(const volatile u32 *)(task + OFFSET(task_struct__thread_info) + OFFSET(thread_info__status)) &
           TS_COMPAT;
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
INLINE int is_compat(const char *task) {
    enum { TIF_32BIT = 22 };
    return *(const volatile u64 *)(task + OFFSET(task_struct__thread_info) + OFFSET(thread_info__flags)) >>
               TIF_32BIT &
           1;
}

INLINE void get_arguments(struct scratch *scratch, const u64 *registers, int compat) {
    (void)compat;
    for (int i = 0; i < 6; i++)
        scratch->arguments[i] = registers[i];
}
#endif

/* Most calls name no path: they should cost as little as possible. */
INLINE int may_be_traced(u64 number) {
    u32 index = number & ~(u64)X32_BIT;
    struct rule *rule = index < CALL_NUMBERS ? map_lookup(map_rules, &index) : 0;
    return rule && rule->is_traced;
}

SECTION("sys_enter") int enter(const u64 *context) {
    if (!may_be_traced(context[1]))
        return 0;
    const void *task = current_task_typed();
    int compat = is_compat(task);
    u32 index = (context[1] & ~(u64)X32_BIT) + (compat ? CALL_NUMBERS : 0);
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
        state->inside = is_inside(current_task());
    if (!state->inside && rule->kind != 1 + CALL_EXEC)
        return 0;
    if (rule->kind == RULE_URING) {
        count(COUNT_URING);
        return 0;
    }
    get_arguments(scratch, (const u64 *)context[0], compat);
    handle(scratch, state, rule, 0);
    return 0;
}

/* Writes the real path of the opened file; returns its position. */
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

/* Returns whether the outcome of a name is new, and marks it. */
INLINE int is_new(const struct state *state, u32 which, uint8_t outcome) {
    if (!(state->names & 1 << which) || state->known[which] & outcome)
        return 0;
    u64 *known = slot_at(state->slot[which]);
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
#if defined(__x86_64__)
    if (!may_be_traced(number_at_end(context)))
        return 0;
#endif
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

/* ---- io_uring ---------------------------------------------------------------------------------------- */

/* Returns whether the process is traced by the state or the mark of its first thread. */
INLINE int process_is_traced(const char *task) {
    const void *first = *(const void *const volatile *)(task + OFFSET(task_struct__group_leader));
    u32 process = current_pid() >> 32;
    return storage_get(map_states, first, 0, 0) || map_lookup(map_first, &process);
}

/* Requests to io_uring pass no system call. A thread of the kernel may submit them (IORING_SETUP_SQPOLL); it
 * has no state, but it belongs to its process and is in that one's control group. */
SECTION("io_uring_submit_req") int submitted(const u64 *context) {
    enum { OPENAT = 18, STATX = 21, OPENAT2 = 28, RENAMEAT = 35, LINKAT = 39, SETXATTR = 42, GETXATTR = 44 };
    const void *task = current_task_typed();
    u32 zero = 0;
    struct settings *settings = map_lookup(map_settings, &zero);
    if (!settings)
        return 0;
    int below = settings->cgroup && is_below(current_task(), settings->cgroup);
    if (!below && !traced_state(task, 0) && !process_is_traced(task))
        return 0;
    u32 operation = kernel_u32(context[0] + OFFSET(io_kiocb__opcode)) & 0xff;
    if (operation == OPENAT || operation == OPENAT2 || operation == STATX || operation == SETXATTR ||
        operation == GETXATTR || (operation >= RENAMEAT && operation <= LINKAT))
        count(COUNT_URING);
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
        /* A longer string is not a path; but a path that begins so is too long for us. */
        scratch->used = VARIABLES_ROOM;
        return 1;
    }
    variables->at += size;
    if (text[0] == 'L' && text[1] == 'D' && text[2] == '_')
        scratch->used += size;
    return scratch->used >= VARIABLES_ROOM;
}

/* Reads the new program's LD_* variables, which are now on its stack, one after the other. Returns their
 * size, or VARIABLES_ROOM if there is no room. */
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
    struct state *state = traced_state(current_task_typed(), STORAGE_CREATE);
    struct scratch *scratch = get_scratch();
    if (!state || !scratch)
        return 0;
    u64 asker = state->program;
    if (state->pending && state->fault) { /* its path was not readable, but the kernel has it now */
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
    struct state *state = traced_state(current_task_typed(), 0);
    if (!state)
        return 0;
    struct state *child = storage_get(map_states, (const void *)context[1], 0, STORAGE_CREATE);
    if (!child) {
        count(COUNT_LOST);
        return 0;
    }
    child->inside = state->inside;
    return 0;
}
