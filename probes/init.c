/* `probe init`: puts itself under the filter, gives the listener to the agent, becomes the user that the
 * image asked for, and executes the command. With --hold there is no agent inside: a tracer outside sends
 * SIGUSR1 when it has taken the process. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "become.h"
#include "filter.h"
#include "lookup.h"
#include "main.h"
#include "protocol.h"
#include "socket.h"
#include "util.h"

extern char **environ;

struct options {
    const char *socket, *hold, *home, *denied_names;
    bool traced;
    uint64_t denied;
    struct identity identity;
    char **argv;
};

static uint64_t number(const char *option, const char *text, int base, uint64_t limit) {
    uint64_t value;
    if (!text || !parse_number(text, base, limit, &value))
        fail(EXIT_USAGE, "init: ", option, " needs a number, not \"", text ? text : "", "\"");
    return value;
}

static void parse_groups(struct identity *identity, char *list) {
    identity->set_groups = true;
    for (char *next; list && *list; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = 0;
        if (identity->group_count == GROUP_LIMIT)
            fail(EXIT_USAGE, "init: too many groups");
        identity->groups[identity->group_count++] = number("--groups", list, 10, UINT32_MAX - 1);
    }
}

static bool parse_identity(struct identity *identity, const char *option, char *value) {
    static const struct {
        const char *option;
        enum capability_set set;
    } sets[] = {{"--permitted", SET_PERMITTED},
                {"--effective", SET_EFFECTIVE},
                {"--inheritable", SET_INHERITABLE},
                {"--bounding", SET_BOUNDING},
                {"--ambient", SET_AMBIENT}};
    if (!strcmp(option, "--uid")) {
        identity->set_uid = true;
        identity->uid = number(option, value, 10, UINT32_MAX - 1);
        return true;
    }
    if (!strcmp(option, "--gid")) {
        identity->set_gid = true;
        identity->gid = number(option, value, 10, UINT32_MAX - 1);
        return true;
    }
    if (!strcmp(option, "--groups")) {
        parse_groups(identity, value);
        return true;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(option, sets[i].option)) {
            identity->given |= 1U << sets[i].set;
            identity->sets[sets[i].set] = number(option, value, 16, UINT64_MAX);
            return true;
        }
    return false;
}

static void parse(struct options *options, char **argv) {
    for (; *argv && strcmp(*argv, "--"); argv += 2) {
        if (!argv[1])
            fail(EXIT_USAGE, "init: ", *argv, " needs a value");
        if (!strcmp(*argv, "--socket"))
            options->socket = argv[1];
        else if (!strcmp(*argv, "--hold") || !strcmp(*argv, "--hold-traced")) {
            options->hold = argv[1]; /* a name by which the tracer knows that it is this process */
            options->traced = argv[0][6];
        } else if (!strcmp(*argv, "--home"))
            options->home = argv[1];
        else if (!strcmp(*argv, "--deny-added"))
            options->denied = number(*argv, argv[1], 16, UINT64_MAX);
        else if (!strcmp(*argv, "--deny"))
            options->denied_names = argv[1];
        else if (!parse_identity(&options->identity, *argv, argv[1]))
            fail(EXIT_USAGE, "init: unknown option ", *argv);
    }
    if (!options->socket == !options->hold || !*argv || !argv[1])
        fail(EXIT_USAGE, "usage: probe init --socket NAME|--hold[-traced] NAME [OPTION VALUE]... -- COMMAND "
                         "[ARGUMENT]...");
    options->argv = argv + 1;
}

/* As runc's fixStdioPermissions: the user must be able to reopen its own standard streams. */
static void chown_streams(const struct identity *identity) {
    struct stat null, stream;
    if (!identity->set_uid || stat("/dev/null", &null) < 0)
        return;
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &stream) == 0 && stream.st_uid != identity->uid && stream.st_rdev != null.st_rdev &&
            fchown(fd, identity->uid, stream.st_gid) < 0)
            continue; /* EPERM, EROFS, EINVAL: it is not ours to give */
}

static int connect_agent(const char *name) {
    struct sockaddr_un address;
    socklen_t size = socket_address(&address, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail(EXIT_PROBE, "init: socket: ", strerror(errno));
    for (int tries = 0; connect(fd, (struct sockaddr *)&address, size) < 0; tries++) {
        if ((errno != ECONNREFUSED && errno != EINTR && errno != EAGAIN) || tries == 15000)
            fail(EXIT_PROBE, "init: no agent on @", name, " after 30 s: ", strerror(errno));
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    if (!socket_peer_is_ours(fd))
        fail(EXIT_PROBE, "init: the agent on @", name, " is not of this user");
    return fd;
}

/* Tells the agent and the user why the command did not start; the exit status is the shell's and Docker's.
 * The agent may end with us: so it closes the socket when it has told it. */
static _Noreturn void give_up(int agent, int error, const char *stage, const char *what) {
    char message[64];
    memcpy(message, &(uint32_t){error}, 4);
    char *end = append(message + 4, stage);
    struct pollfd entry = {agent, POLLIN, 0};
    if (agent >= 0 && write_all(agent, message, end - message + 1))
        poll(&entry, 1, 5000);
    complain("cannot ", stage, " ", what, ": ", strerror(error), NULL);
    leave(error == ENOENT ? 127 : 126);
}

/* Waits for the tracer outside, which sees in /proc/PID/status that SIGUSR2 is blocked: SIGUSR1 is not, as
 * long as it is waited for. */
static void hold(void) {
    sigset_t go, blocked, before;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    blocked = go;
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    while (sigtimedwait(&go, NULL, &(struct timespec){60, 0}) < 0)
        if (errno != EINTR)
            fail(EXIT_PROBE, "init: nobody outside let it go on within a minute");
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Gives the listener to the agent; without one, installs what a tracer outside needs. */
static void enter_filter(int agent, bool traced, const char *command) {
    if (agent < 0) {
        if (filter_hold(traced) < 0)
            give_up(agent, errno, "filter", command);
        return;
    }
    uint32_t features;
    int listener = filter_notify(&features);
    if (listener < 0)
        give_up(agent, errno, "filter", command);
    char ack;
    bool heard = socket_send_listener(agent, listener, features) && read_all(agent, &ack, 1);
    close(listener); /* as long as it is open here, a call that nobody answers waits */
    if (!heard)
        fail(EXIT_PROBE, "init: the agent went away");
}

int init_main(char **argv) {
    static struct options options;
    parse(&options, argv);
    const char *command = options.argv[0];
    if (options.home && setenv("HOME", options.home, 1) < 0)
        fail(EXIT_PROBE, "init: setenv: ", strerror(errno));
    int agent = options.socket ? connect_agent(options.socket) : -1;
    static char program[LOOKUP_LIMIT];
    int error = lookup(&options.identity, command, program);
    if (error)
        give_up(agent, error, "find", command);
    chown_streams(&options.identity);
    uint64_t held = options.identity.given >> SET_BOUNDING & 1 ? options.identity.sets[SET_BOUNDING] : 0;
    if (filter_deny(options.denied, held, options.denied_names) < 0)
        give_up(agent, errno, "filter", "what the untraced container may not do");
    enter_filter(agent, options.traced, command);
    const char *failed = become(&options.identity);
    if (failed)
        give_up(agent, errno, failed, command);
    if (options.hold)
        hold();
    execve(program, options.argv, environ);
    give_up(agent, errno, "execute", program);
}
