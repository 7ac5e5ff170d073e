#define _GNU_SOURCE
#include "exits.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol.h"
#include "stream.h"
#include "tracee.h"

enum { WATCHED = 4096, RECENT = 1024, EVENTS = 64, DESCRIPTORS = WATCHED + 1024 };

/* A running process: its pidfd, and the status with which its first thread ended. */
struct watched {
    uint32_t pid, program;
    int process;
    uint8_t status;
    bool left;
};

static struct watched watched[WATCHED];
static unsigned count;
static int poller = -1;
static bool stopped, incomplete;
static uint32_t command; /* the process of the command itself */

/* The last thread that was noted, so that most calls need only a comparison. */
static struct { uint32_t tid, program; } recent[RECENT];

int exits_descriptor(void) { return poller; }

static void write_end(uint32_t pid, uint32_t program, uint32_t status) {
    record_begin('X');
    record_u32(pid);
    record_u32(program);
    record_u32(status);
    record_end();
}

static void give_up(void) {
    if (!incomplete)
        write_end(0, 0, EXIT_UNKNOWN);
    incomplete = true;
}

static void prepare(void) {
    struct rlimit limit;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct watched *find(uint32_t pid) {
    for (unsigned i = 0; i < count; i++)
        if (watched[i].pid == pid)
            return &watched[i];
    return NULL;
}

static void forget(struct watched *process) {
    close(process->process);
    *process = watched[--count];
}

void exits_watch(uint32_t tid, uint32_t program, uint32_t first) {
    command = first;
    typeof(*recent) *last = &recent[tid % RECENT];
    if (stopped || (last->tid == tid && last->program == program))
        return;
    *last = (typeof(*recent)){tid, program};
    struct watched *process = find(tid);
    if (process) {
        process->program = program;
        return;
    }
    if (poller < 0)
        prepare();
    if (!tracee_is_of(tid, tid)) /* a thread that is not its process's first */
        return;
    int fd = count < WATCHED ? (int)syscall(SYS_pidfd_open, tid, 0) : -1;
    struct epoll_event event = {EPOLLIN, {.u32 = tid}};
    if (fd >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0) {
        watched[count++] = (struct watched){tid, program, fd, 0, false};
        return;
    }
    if (count == WATCHED || errno != ESRCH)
        give_up();
    if (fd >= 0)
        close(fd);
}

void exits_note(uint32_t tid, uint32_t group, uint32_t program, uint8_t status) {
    struct watched *process = find(group ? group : tid);
    recent[tid % RECENT].tid = 0; /* its number may be reused */
    if (stopped)
        return;
    if (process && !group) {
        process->status = status;
        process->left = true;
    } else if (group) {
        if (status)
            write_end(tid, program, status);
        if (process)
            forget(process);
    }
}

static void stop(void) {
    stopped = true;
    while (count)
        forget(watched);
}

void exits_hear(void) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, 0);
    for (int i = 0; i < ready && !stopped; i++)
        if (events[i].data.u32 == command)
            stop();
    for (int i = 0; i < ready; i++) {
        struct watched *process = find(events[i].data.u32);
        if (!process)
            continue;
        if (!process->left || process->status)
            write_end(process->pid, process->program, process->left ? process->status : EXIT_SIGNAL);
        recent[process->pid % RECENT].tid = 0;
        forget(process);
    }
}

void exits_stop(void) {
    if (poller >= 0 && !stopped)
        exits_hear(); /* of processes that ended before */
    stop();
}
