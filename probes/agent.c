/* `probe agent`: one thread that serves every listener. */
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

#include "handle.h"
#include "main.h"
#include "ports.h"
#include "protocol.h"
#include "socket.h"
#include "stream.h"
#include "util.h"

/* Times in milliseconds. A call that listens is looked for from its notification on. */
enum {
    CLIENTS = 256,
    HOT = 20,
    TICK = 50,
    COUNTERS_EVERY = 100,
    LISTEN_WITHIN = 1000,
    FIRST_CLIENT_WITHIN = 30000
};

/* A program that entered or wants to. Its socket is open until it has executed, its listener until no
 * process is left under its filter. */
struct client {
    uint32_t number;
    int socket, listener; /* -1: closed */
};

static struct client clients[CLIENTS];
static unsigned count, arrived;
static struct counters counters, written;
static struct seccomp_notif *notification;
static size_t notification_size;
static bool input_open = true, hello_written, journaled;
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
    record_u32(features | (journaled ? FEATURE_JOURNAL : 0));
    record_end();
}

static void accept_clients(int server) {
    int fd;
    while ((fd = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (count == CLIENTS || !socket_peer_is_ours(fd))
            close(fd);
        else
            clients[count++] = (struct client){arrived++, fd, -1};
    }
}

static void listen_to(struct client *client, int listener, uint32_t features) {
    client->listener = listener;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0)
        features |= FEATURE_SYNC_WAKE_UP;
    if (!hello_written)
        write_hello(features);
    if (!write_all(client->socket, "a", 1))
        complain("agent: a program went away before it started", NULL);
}

static void hear_client(struct client *client) {
    char message[64];
    int listener;
    long got = socket_receive(client->socket, message, sizeof message - 1, &listener);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    uint32_t number = 0;
    if (got >= 4)
        memcpy(&number, message, 4);
    if (listener >= 0 && client->listener < 0 && got >= 4) {
        listen_to(client, listener, number);
        return;
    }
    if (listener >= 0)
        close(listener);
    if (got > 4) {
        message[got] = 0;
        write_started(client, number, message + 4);
    } else if (client->listener >= 0) {
        write_started(client, 0, "");
    } else {
        write_started(client, ECONNRESET, "connect");
    }
    close(client->socket);
    client->socket = -1;
}

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

static void hear_input(void) {
    char byte[64];
    ssize_t got = read(0, byte, sizeof byte);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        input_open = false;
    for (ssize_t i = 0; i < got; i++)
        if (byte[i] == 'c')
            write_counters();
}

/* Forgets clients of which nothing is left. */
static void sweep(void) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (clients[i].socket >= 0 || clients[i].listener >= 0) {
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
    if (stream_waits())
        return HOT;
    return counted && now >= ports_until && input_open ? -1 : TICK;
}

static int open_server(const char *name) {
    struct sockaddr_un address;
    socklen_t size = socket_address(&address, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, CLIENTS) < 0)
        fail(EXIT_PROBE, "agent: cannot listen on @", name, ": ", strerror(errno));
    return fd;
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
        if (clients[i].socket >= 0)
            return false;
        open += clients[i].listener >= 0;
    }
    return open == 1;
}

static void serve_clients(const struct pollfd *entries, unsigned polled) {
    bool gone = false;
    for (unsigned i = 0; i < polled; i++) {
        struct client *client = &clients[i];
        const struct pollfd *socket = &entries[2 * i], *listener = &entries[2 * i + 1];
        if (socket->revents) {
            hear_client(client);
            gone |= client->socket < 0;
        }
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
            gone = true;
        }
    }
    if (gone)
        sweep();
}

static void run(int server) {
    static struct pollfd entries[2 + 2 * CLIENTS];
    int64_t first_until = milliseconds() + FIRST_CLIENT_WITHIN;
    while (!ended) {
        int64_t now = milliseconds();
        int timeout = tick(now);
        if (!input_open && !count && (arrived || now > first_until))
            break;
        entries[0] = (struct pollfd){input_open ? 0 : -1, POLLIN, 0};
        entries[1] = (struct pollfd){server, POLLIN, 0};
        for (unsigned i = 0; i < count; i++) {
            entries[2 + 2 * i] = (struct pollfd){clients[i].socket, POLLIN, 0};
            entries[3 + 2 * i] = (struct pollfd){clients[i].listener, POLLIN, 0};
        }
        unsigned polled = count;
        if (poll(entries, 2 + 2 * polled, timeout) <= 0)
            continue;
        serve_clients(entries + 2, polled);
        if (entries[0].revents)
            hear_input();
        if (entries[1].revents)
            accept_clients(server);
    }
    write_counters();
}

int agent_main(char **argv) {
    const char *name = NULL, *journal = NULL;
    char *ports = NULL;
    bool buffered = false;
    for (; *argv; argv++) {
        bool valued = argv[1];
        if (!strcmp(*argv, "--buffer"))
            buffered = true;
        else if (valued && !strcmp(*argv, "--socket"))
            name = *++argv;
        else if (valued && !strcmp(*argv, "--ports"))
            ports = *++argv;
        else if (valued && !strcmp(*argv, "--journal"))
            journal = *++argv;
        else
            break;
    }
    if (*argv || !name)
        fail(EXIT_USAGE, "usage: probe agent --socket NAME [--ports PORT,...] [--journal FILE | --buffer]");
    prepare();
    int server = open_server(name);
    if (buffered)
        stream_buffer();
    else
        journaled = journal && stream_journal(journal);
    ports_open(ports);
    ports_look();
    run(server);
    return 0;
}
