/* `probe agent`: one thread that serves every listener. It runs where no target can reach it: it has other
 * process ids than the targets, and takes descriptors from their first process (door.h). Orders come in lines
 * on standard input:
 *
 * a PID NUMBER TOKEN   take the `probe init --agent TOKEN` that is, or is about to be, process PID; its
 *                          listener is called NUMBER
 *     c                    write the counters
 *
 * Before the first command is executed, it drops all privileges that it does not need to read processes and
 * files. With --join it sees the files of the first process that it takes, and keeps its own /proc. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "clients.h"
#include "exits.h"
#include "handle.h"
#include "main.h"
#include "ports.h"
#include "stream.h"
#include "util.h"

/* Times in milliseconds. New ports are searched from the notification of listen(2) on. */
enum { HOT = 20, TICK = 50, SOON = 2, COUNTERS_EVERY = 100, LISTEN_WITHIN = 1000 };

static struct counters counters, written;
static struct seccomp_notif *notification;
static size_t notification_size;
static bool input_open = true;
static volatile sig_atomic_t ended, alarmed;

static void end(int signal) { ended = signal; }
static void ring(int signal) { alarmed = signal; }

static void write_counters(void) {
    record_counters(&counters);
    written = counters;
}

/* ---- notifications and orders ------------------------------------------------------------------------ */

/* Receives, records and answers one notification. Returns whether there was one; if not, errno is set. */
static bool hear_listener(const struct client *client) {
    int listener = client->listener;
    memset(notification, 0, notification_size);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification) < 0)
        return false;
    handle(listener, notification, client->number ? 0 : client->pid, &counters);
    return true;
}

/* Receives notifications of a program with many requests in a row without polling each time, which would cost
 * a fifth more. An alarm ends this, so that other tasks wait only a little. The alarm repeats, because it may
 * come just before the wait. */
static void hear_stream(const struct client *client) {
    static const struct itimerval ringing = {{0, HOT * 1000}, {0, HOT * 1000}}, silent;
    setitimer(ITIMER_REAL, &ringing, NULL);
    for (alarmed = false; !alarmed && hear_listener(client);)
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
    } else if (strcmp(line, "a") != 0 || !words[3] || !parse_number(words[1], 10, INT32_MAX, &pid) ||
               !parse_number(words[2], 10, UINT32_MAX, &number) || !clients_add(number, pid, words[3])) {
        die(EXIT_USAGE, "agent: invalid or unexpected order: ", line);
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
        die(EXIT_USAGE, "agent: an order is too long");
}

/* Does the tasks that are due, and returns the milliseconds until the next one. */
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
    if (clients_take())
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
        die(EXIT_PROBE, "agent: out of memory");
    struct sigaction action = {.sa_handler = end}; /* no SA_RESTART: poll must return */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = ring;
    sigaction(SIGALRM, &action, NULL);
    stream_open();
}

static void serve_clients(const struct pollfd *entries, unsigned polled) {
    for (unsigned i = 0; i < polled; i++) {
        struct client *client = &clients[i];
        const struct pollfd *socket = &entries[2 * i], *listener = &entries[2 * i + 1];
        if (socket->revents)
            client_hear(client);
        bool alive = !listener->revents || listener->revents & POLLIN; /* POLLHUP: no process is left */
        if (listener->revents & POLLIN) {
            if (!hear_listener(client))
                alive = errno == ENOENT || errno == EINTR || errno == EAGAIN; /* else it is no listener */
            else if (clients_only_one())
                hear_stream(client);
        }
        if (!alive) {
            close(client->listener);
            client->listener = -1;
        }
    }
}

static void run(void) {
    static struct pollfd entries[2 + 2 * CLIENTS];
    while (!ended) {
        int timeout = tick(milliseconds());
        clients_sweep();
        if (!input_open && !clients_count)
            break;
        entries[0] = (struct pollfd){input_open ? 0 : -1, POLLIN, 0};
        entries[1] = (struct pollfd){exits_descriptor(), POLLIN, 0};
        for (unsigned i = 0; i < clients_count; i++) {
            entries[2 + 2 * i] = (struct pollfd){clients[i].socket, POLLIN, 0};
            entries[3 + 2 * i] = (struct pollfd){clients[i].listener, POLLIN, 0};
        }
        unsigned polled = clients_count;
        if (poll(entries, 2 + 2 * polled, timeout) <= 0)
            continue;
        serve_clients(entries + 2, polled);
        if (entries[1].revents)
            exits_hear();
        if (entries[0].revents)
            hear_input();
    }
    write_counters();
    stream_flush();
}

int agent_main(char **argv) {
    char *ports = NULL;
    bool join = false;
    for (; *argv; argv++) {
        if (!strcmp(*argv, "--join"))
            join = true;
        else if (argv[1] && !strcmp(*argv, "--ports"))
            ports = *++argv;
        else
            die(EXIT_USAGE, "usage: probe agent [--join] [--ports PORT,...]");
    }
    clients_prepare(ports, join);
    prepare();
    run();
    return 0;
}
