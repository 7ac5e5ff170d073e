#define _GNU_SOURCE
#include "clients.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "door.h"
#include "ports.h"
#include "protocol.h"
#include "sandbox_mounts.h"
#include "set_credentials.h"
#include "stream.h"
#include "util.h"

enum { TAKEN_WITHIN = 30000 }; /* milliseconds */

enum { SYS_PTRACE_BIT = 1 << 19, DAC_READ_SEARCH_BIT = 1 << 2 };

struct client clients[CLIENTS];
unsigned clients_count;

static bool hello_written, joins, settled;
static char *ports;

static void write_started(const struct client *client, uint32_t error, const char *stage) {
    record_begin('S');
    record_u32(client->number);
    record_u32(error);
    record_text(stage);
    record_end();
}

static void write_hello(uint32_t features) {
    hello_written = true;
    record_begin('H');
    record_u32(PROTOCOL_VERSION);
    record_u32(features);
    record_end();
}

/* From now on this process can only read other processes and their files. */
static void drop_capabilities(void) {
    static struct identity reader;
    uint64_t held = held_capabilities() & (SYS_PTRACE_BIT | DAC_READ_SEARCH_BIT);
    reader.given = 1U << SET_PERMITTED | 1U << SET_EFFECTIVE | 1U << SET_INHERITABLE | 1U << SET_AMBIENT;
    reader.sets[SET_PERMITTED] = reader.sets[SET_EFFECTIVE] = held;
    const char *failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? "bind" : set_credentials(&reader);
    if (failed)
        die_errno(EXIT_PROBE, "agent: cannot ", failed, " itself");
}

/* Enters the mounts of a process, but keeps its own view of processes. */
static void join_mounts(uint32_t pid) {
    char path[64];
    proc_path(path, pid, "ns/mnt", -1);
    AUTO_CLOSE int mounts = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int proc = mounts_clone_proc();
    if (mounts < 0 || setns(mounts, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
        die_errno(EXIT_PROBE, "agent: cannot see the files of the command");
    mounts_replace_proc(proc);
}

static void settle(uint32_t pid) {
    settled = true;
    ports_open(ports, joins ? pid : 0);
    if (joins)
        join_mounts(pid);
    drop_capabilities();
}

/* Returns whether it is the intended process, and not one that waits to become it. */
static bool has_token(uint32_t pid, const char *token) {
    char path[64], words[4096];
    proc_path(path, pid, "cmdline", -1);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = strlen(token) + 1, kept = 0;
    bool found = false;
    ssize_t got;
    while (!found && fd >= 0 && (got = read(fd, words + kept, sizeof words - kept)) > 0) {
        kept += got;
        found = memmem(words, kept, token, size);
        /* The token may begin in this part of the command line and end in the next. */
        size_t rest = kept < size ? kept : size;
        memmove(words, words + kept - rest, rest);
        kept = rest;
    }
    return found;
}

static void try_to_take(struct client *client) {
    if (client->process < 0)
        client->process = syscall(SYS_pidfd_open, client->pid, 0);
    bool gone = client->process < 0;
    int error = gone ? errno : ETIMEDOUT;
    struct pollfd end = {client->process, POLLIN, 0};
    if (!gone && has_token(client->pid, client->token)) {
        if (!settled)
            settle(client->pid);
        client->socket = door_take(client->process);
        error = errno;
    }
    if (client->socket >= 0) {
        if (send(client->socket, &(char){DOOR_TAKEN}, 1, MSG_NOSIGNAL) < 0)
            complain("agent: a program went away before it started", NULL);
        return;
    }
    gone |= poll(&end, 1, 0) > 0;
    /* EPERM: it has not yet joined the user name space in which we may take descriptors. */
    bool early = error == EBADF || error == ETIMEDOUT || error == EPERM;
    if (!gone && early && milliseconds() < client->until)
        return;
    if (!gone && !hello_written)
        die(EXIT_PROBE, "agent: cannot take the command's process: ", strerror(error));
    if (!gone)
        write_started(client, error, "take"); /* one that has ended has reported the reason itself */
    close(client->process);
    client->process = -1;
}

static bool is_awaited(const struct client *client) { return client->socket < 0 && client->until; }

bool clients_take(void) {
    bool more = false;
    for (unsigned i = 0; i < clients_count; i++) {
        if (!is_awaited(&clients[i]))
            continue;
        try_to_take(&clients[i]);
        if (clients[i].socket >= 0 || clients[i].process < 0)
            clients[i].until = 0;
        more |= is_awaited(&clients[i]);
    }
    return more;
}

static void listen_to(struct client *client, int listener, uint32_t features) {
    client->listener = listener;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0)
        features |= FEATURE_SYNC_WAKE_UP;
    if (!hello_written)
        write_hello(features);
    if (send(client->socket, &(char){DOOR_GO}, 1, MSG_NOSIGNAL) < 0)
        complain("agent: a program went away before it started", NULL);
}

void client_hear(struct client *client) {
    char message[DOOR_MESSAGE] = {0};
    ssize_t got = recv(client->socket, message, sizeof message - 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    uint32_t number = 0, listener = 0;
    memcpy(&number, message + 1, 4);
    memcpy(&listener, message + 5, 4);
    if (got == 9 && message[0] == DOOR_LISTENER && client->listener < 0) {
        int taken = take_descriptor(client->process, listener);
        if (taken >= 0) {
            listen_to(client, taken, number);
            return;
        }
        write_started(client, errno, "take");
    } else if (got > 5 && message[0] == DOOR_ERROR) {
        write_started(client, number, message + 5);
    } else if (client->listener >= 0) {
        write_started(client, 0, "");
    } else {
        write_started(client, ECONNRESET, "take");
    }
    close(client->socket);
    close(client->process);
    client->socket = client->process = -1;
}

void clients_sweep(void) {
    unsigned kept = 0;
    for (unsigned i = 0; i < clients_count; i++) {
        if (clients[i].socket >= 0 || clients[i].listener >= 0 || is_awaited(&clients[i])) {
            clients[kept++] = clients[i];
            continue;
        }
        record_begin('G');
        record_u32(clients[i].number);
        record_end();
    }
    clients_count = kept;
}

bool clients_only_one(void) {
    unsigned open = 0;
    for (unsigned i = 0; i < clients_count; i++) {
        if (clients[i].socket >= 0 || is_awaited(&clients[i]))
            return false;
        open += clients[i].listener >= 0;
    }
    return open == 1;
}

void clients_prepare(char *list, bool join) {
    ports = list;
    joins = join;
}

bool clients_add(uint32_t number, uint32_t pid, const char *token) {
    if (clients_count == CLIENTS || strlen(token) >= TOKEN_LIMIT)
        return false;
    struct client *client = &clients[clients_count++];
    *client = (struct client){number, pid, -1, -1, -1, milliseconds() + TAKEN_WITHIN, ""};
    return concat(client->token, token);
}
