/* `probe agent`: one thread that serves every listener. It runs where no target can reach it: it has other
 * process ids than those, and takes what it needs out of their first process (door.h). Orders come in lines on
 * standard input:
 *
 *     a PID NUMBER TOKEN   take the `probe init --agent TOKEN` that is, or is about to be, process PID; its
 *                          listener is called NUMBER
 *     c                    write the counters
 *
 * Before the first command is executed it drops all that it does not need to read processes and files. With
 * --join it sees the files as the first process that it takes, and keeps its own /proc. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "become.h"
#include "door.h"
#include "handle.h"
#include "main.h"
#include "ports.h"
#include "protocol.h"
#include "sandbox_mounts.h"
#include "stream.h"
#include "util.h"

/* Times in milliseconds. A call that listens is looked for from its notification on. */
enum {
    CLIENTS = 256,
    HOT = 20,
    TICK = 50,
    SOON = 2,
    COUNTERS_EVERY = 100,
    LISTEN_WITHIN = 1000,
    TAKEN_WITHIN = 30000
};

enum { TOKEN_LIMIT = 64, SYS_PTRACE_BIT = 1 << 19, DAC_READ_SEARCH_BIT = 1 << 2 };

/* A program that entered or wants to. `process` is a pidfd, open until its socket is taken out of there; the
 * socket is open until it has executed, the listener until no process is left under its filter. */
struct client {
    uint32_t number, pid;
    int process, socket, listener; /* -1: closed */
    int64_t until;                 /* when it must be taken */
    char token[TOKEN_LIMIT];
};

static struct client clients[CLIENTS];
static unsigned count;
static struct counters counters, written;
static struct seccomp_notif *notification;
static size_t notification_size;
static bool input_open = true, hello_written, joins, settled;
static char *ports;
static volatile sig_atomic_t ended, alarmed;

static void end(int signal) { ended = signal; }
static void ring(int signal) { alarmed = signal; }

static void write_counters(void) {
    record_counters(&counters);
    written = counters;
}

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

/* ---- taking a program -------------------------------------------------------------------------------- */

/* From now on this process can read others and their files, and never do more. */
static void drop_capabilities(void) {
    static struct identity reader;
    uint64_t held = held_capabilities() & (SYS_PTRACE_BIT | DAC_READ_SEARCH_BIT);
    reader.given = 1U << SET_PERMITTED | 1U << SET_EFFECTIVE | 1U << SET_INHERITABLE | 1U << SET_AMBIENT;
    reader.sets[SET_PERMITTED] = reader.sets[SET_EFFECTIVE] = held;
    const char *failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? "bind" : become(&reader);
    if (failed)
        fail(EXIT_PROBE, "agent: cannot ", failed, " itself: ", strerror(errno));
}

/* Sees the files of a process, and all processes that it saw before. */
static void join_mounts(uint32_t pid) {
    char path[64];
    proc_path(path, pid, "ns/mnt", -1);
    int mounts = open(path, O_RDONLY | O_CLOEXEC), proc = mounts_clone_proc();
    if (mounts < 0 || setns(mounts, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
        fail(EXIT_PROBE, "agent: cannot see the files of the command: ", strerror(errno));
    close(mounts);
    mounts_replace_proc(proc);
    close(proc);
}

static void settle(uint32_t pid) {
    settled = true;
    ports_open(ports, joins ? pid : 0);
    ports_look();
    if (joins)
        join_mounts(pid);
    drop_capabilities();
}

/* Whether it is the process that was meant, and not one that waits to become it. */
static bool has_token(uint32_t pid, const char *token) {
    char path[64], words[4096];
    proc_path(path, pid, "cmdline", -1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, words, sizeof words);
    if (fd >= 0)
        close(fd);
    return size > 0 && memmem(words, size, token, strlen(token) + 1);
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
    if (!gone && (error == EBADF || error == ETIMEDOUT) && milliseconds() < client->until)
        return;
    if (!gone && !hello_written)
        fail(EXIT_PROBE, "agent: cannot take the command's process: ", strerror(error));
    if (!gone)
        write_started(client, error, "take"); /* one that is gone said why itself */
    close(client->process);
    client->process = -1;
}

static bool is_awaited(const struct client *client) { return client->socket < 0 && client->until; }

/* Returns whether there are some that are to be taken, but are not ready. */
static bool take_clients(void) {
    bool more = false;
    for (unsigned i = 0; i < count; i++) {
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

static void hear_client(struct client *client) {
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

/* ---- what it hears ----------------------------------------------------------------------------------- */

/* Receives, records and answers one notification. Returns whether there was one; if not, errno tells why. */
static bool hear_listener(int listener) {
    memset(notification, 0, notification_size);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification) < 0)
        return false;
    handle(listener, notification, &counters);
    struct seccomp_notif_resp answer = {.id = notification->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    /* ENOENT: it is gone; what it asked for is recorded. */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    return true;
}

/* Hears a program that asks for one path after the other without polling each time, which would cost a
 * fifth more; an alarm ends it, so that all the rest waits a little at most. The alarm rings again and
 * again, because it may ring just before the wait. */
static void hear_stream(int listener) {
    static const struct itimerval ringing = {{0, HOT * 1000}, {0, HOT * 1000}}, silent;
    setitimer(ITIMER_REAL, &ringing, NULL);
    for (alarmed = false; !alarmed && hear_listener(listener);)
        continue;
    setitimer(ITIMER_REAL, &silent, NULL);
}

static void take_order(char *line) {
    char *words[4] = {0}, *rest = line;
    for (int i = 0; i < 4; i++)
        words[i] = strsep(&rest, " ");
    uint64_t pid, number;
    if (!strcmp(line, "c")) {
        write_counters();
    } else if (!strcmp(line, "a") && words[3] && strlen(words[3]) < TOKEN_LIMIT && count < CLIENTS &&
               parse_number(words[1], 10, INT32_MAX, &pid) && parse_number(words[2], 10, UINT32_MAX, &number)) {
        clients[count] = (struct client){number, pid, -1, -1, -1, milliseconds() + TAKEN_WITHIN, ""};
        append(clients[count++].token, words[3]);
    } else {
        fail(EXIT_USAGE, "agent: not an order: ", line);
    }
}

static void hear_input(void) {
    static char lines[4096];
    static size_t have;
    ssize_t got = read(0, lines + have, sizeof lines - 1 - have);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        input_open = false;
    have += got > 0 ? got : 0;
    lines[have] = 0;
    char *line = lines;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        take_order(line);
    }
    have -= line - lines;
    memmove(lines, line, have);
    if (have == sizeof lines - 1)
        fail(EXIT_USAGE, "agent: an order is too long");
}

/* Forgets clients of which nothing is left. */
static void sweep(void) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (clients[i].socket >= 0 || clients[i].listener >= 0 || is_awaited(&clients[i])) {
            clients[kept++] = clients[i];
            continue;
        }
        record_begin('G');
        record_u32(clients[i].number);
        record_end();
    }
    count = kept;
}

/* Does what is due, and returns how long to wait for anything else, in milliseconds. */
static int tick(int64_t now) {
    static int64_t next_flush, next_counters, next_ports, ports_until;
    if (now >= next_flush) {
        stream_flush();
        next_flush = now + HOT;
    }
    bool counted = counters.received == written.received;
    if (!counted && now >= next_counters) {
        write_counters();
        counted = true;
        next_counters = now + COUNTERS_EVERY;
    }
    if (handle_saw_listen())
        ports_until = now + LISTEN_WITHIN;
    if (now >= next_ports && now < ports_until) {
        if (!ports_look())
            ports_until = 0;
        next_ports = now + TICK;
    }
    if (take_clients())
        return SOON;
    if (stream_waits())
        return HOT;
    return counted && now >= ports_until && input_open ? -1 : TICK;
}

static void prepare(void) {
    struct seccomp_notif_sizes sizes = {0};
    syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
    notification_size =
        sizes.seccomp_notif > sizeof *notification ? sizes.seccomp_notif : sizeof *notification;
    notification = calloc(1, notification_size);
    if (!notification)
        fail(EXIT_PROBE, "agent: no memory");
    struct sigaction action = {.sa_handler = end}; /* no SA_RESTART: poll must return */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = ring;
    sigaction(SIGALRM, &action, NULL);
    stream_open();
}

/* Whether there is one listener and nobody who is about to start: an end of its socket is the start, and has
 * to be told before what the program does then. */
static bool only_one(void) {
    unsigned open = 0;
    for (unsigned i = 0; i < count; i++) {
        if (clients[i].socket >= 0 || is_awaited(&clients[i]))
            return false;
        open += clients[i].listener >= 0;
    }
    return open == 1;
}

static void serve_clients(const struct pollfd *entries, unsigned polled) {
    for (unsigned i = 0; i < polled; i++) {
        struct client *client = &clients[i];
        const struct pollfd *socket = &entries[2 * i], *listener = &entries[2 * i + 1];
        if (socket->revents)
            hear_client(client);
        bool alive = !listener->revents || listener->revents & POLLIN; /* POLLHUP: no process is left */
        if (listener->revents & POLLIN) {
            if (!hear_listener(client->listener))
                alive = errno == ENOENT || errno == EINTR || errno == EAGAIN; /* else it is no listener */
            else if (only_one())
                hear_stream(client->listener);
        }
        if (!alive) {
            close(client->listener);
            client->listener = -1;
        }
    }
}

static void run(void) {
    static struct pollfd entries[1 + 2 * CLIENTS];
    while (!ended) {
        int timeout = tick(milliseconds());
        sweep();
        if (!input_open && !count)
            break;
        entries[0] = (struct pollfd){input_open ? 0 : -1, POLLIN, 0};
        for (unsigned i = 0; i < count; i++) {
            entries[1 + 2 * i] = (struct pollfd){clients[i].socket, POLLIN, 0};
            entries[2 + 2 * i] = (struct pollfd){clients[i].listener, POLLIN, 0};
        }
        unsigned polled = count;
        if (poll(entries, 1 + 2 * polled, timeout) <= 0)
            continue;
        serve_clients(entries + 1, polled);
        if (entries[0].revents)
            hear_input();
    }
    write_counters();
    stream_flush();
}

int agent_main(char **argv) {
    for (; *argv; argv++) {
        if (!strcmp(*argv, "--join"))
            joins = true;
        else if (argv[1] && !strcmp(*argv, "--ports"))
            ports = *++argv;
        else
            fail(EXIT_USAGE, "usage: probe agent [--join] [--ports PORT,...]");
    }
    prepare();
    run();
    return 0;
}
