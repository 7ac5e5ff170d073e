/* `probe init`: installs the filter on itself, passes the listener to the agent (door.h), becomes the user
 * that the image names, and executes the command. With --hold, an external tracer sends SIGUSR1 when it has
 * attached to the process.
 *
 * With --enter PID the command joins the container of PID. A parent that stays outside forks it with its
 * final identity and filter, so no process in the container ever sees one with more privileges than the
 * container has. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "door.h"
#include "enter.h"
#include "filter.h"
#include "lookup.h"
#include "main.h"
#include "protocol.h"
#include "set_credentials.h"
#include "util.h"

extern char **environ;

struct options {
    const char *agent, *hold, *home, *denied_names;
    char *workdir;
    uint32_t enter;
    bool traced;
    uint64_t denied;
    struct identity identity;
    char **argv;
};

static uint64_t number(const char *option, const char *text, int base, uint64_t limit) {
    uint64_t value;
    if (!text || !parse_number(text, base, limit, &value))
        die(EXIT_USAGE, "init: ", option, " needs a number, not \"", text ? text : "", "\"");
    return value;
}

static void parse_groups(struct identity *identity, char *list) {
    identity->set_groups = true;
    for (char *next; list && *list; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = 0;
        if (identity->group_count == GROUP_LIMIT)
            die(EXIT_USAGE, "init: too many groups");
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
            die(EXIT_USAGE, "init: ", *argv, " needs a value");
        if (!strcmp(*argv, "--agent"))
            options->agent = argv[1]; /* a token by which the agent recognizes this process */
        else if (!strcmp(*argv, "--hold") || !strcmp(*argv, "--hold-traced")) {
            options->hold = argv[1]; /* the same for a tracer */
            options->traced = argv[0][6];
        } else if (!strcmp(*argv, "--enter"))
            options->enter = number(*argv, argv[1], 10, INT32_MAX);
        else if (!strcmp(*argv, "--workdir"))
            options->workdir = argv[1];
        else if (!strcmp(*argv, "--home"))
            options->home = argv[1];
        else if (!strcmp(*argv, "--deny-added"))
            options->denied = number(*argv, argv[1], 16, UINT64_MAX);
        else if (!strcmp(*argv, "--deny"))
            options->denied_names = argv[1];
        else if (!parse_identity(&options->identity, *argv, argv[1]))
            die(EXIT_USAGE, "init: unknown option ", *argv);
    }
    if (!options->agent == !options->hold || !*argv || !argv[1])
        die(EXIT_USAGE, "usage: probe init --agent TOKEN|--hold[-traced] TOKEN [OPTION VALUE]... -- COMMAND "
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
            continue; /* EPERM, EROFS, EINVAL: we may not change its owner */
}

/* Reports why the command did not start, with the exit status of a shell and Docker. */
static _Noreturn void give_up(int door, int error, const char *stage, const char *what) {
    if (door >= 0)
        door_give_up(door, error, stage);
    complain("cannot ", stage, " ", what, ": ", strerror(error), NULL);
    leave(error == ENOENT ? 127 : 126);
}

/* The external tracer sees in /proc/PID/status that SIGUSR2 is blocked. In a child of fork(3), all signals
 * are blocked for a moment, so SIGUSR1, with which the tracer answers, is blocked before. */
static void keep_answer(sigset_t *go, sigset_t *before) {
    sigemptyset(go);
    sigaddset(go, SIGUSR1);
    sigprocmask(SIG_BLOCK, go, before);
}

static void hold(const sigset_t *go, const sigset_t *before) {
    sigset_t mark;
    sigemptyset(&mark);
    sigaddset(&mark, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mark, NULL);
    while (sigtimedwait(go, NULL, &(struct timespec){60, 0}) < 0)
        if (errno != EINTR)
            die(EXIT_PROBE, "init: nobody outside let it go on within a minute");
    sigprocmask(SIG_SETMASK, before, NULL);
}

/* Gives the listener to the agent; without an agent, installs the filter for an external tracer. */
static void enter_filter(int door, bool traced, const char *command) {
    if (door < 0) {
        if (filter_hold(traced) < 0)
            give_up(door, errno, "filter", command);
        return;
    }
    uint32_t features;
    int listener = filter_notify(&features);
    if (listener < 0)
        give_up(door, errno, "filter", command);
    bool heard = door_give_listener(door, listener, features);
    close(listener); /* while it is open here, a call without an answer blocks */
    if (!heard)
        die(EXIT_PROBE, "init: the agent went away");
}

static int open_door(const char *agent) {
    int door = agent ? door_open() : -1;
    if (agent && door < 0)
        die_errno(EXIT_PROBE, "init: no agent took the command");
    return door;
}

int init_main(char **argv) {
    static struct options options;
    parse(&options, argv);
    const char *command = options.argv[0];
    if (options.home && setenv("HOME", options.home, 1) < 0)
        die_errno(EXIT_PROBE, "init: cannot set the environment");
    if (options.enter)
        enter_namespaces(options.enter);
    int door = open_door(options.agent);
    if (options.workdir && !enter_workdir(options.workdir, false))
        give_up(door, errno, "work in", options.workdir);
    static char program[LOOKUP_LIMIT];
    int error = lookup(&options.identity, command, program);
    if (error)
        give_up(door, error, "find", command);
    chown_streams(&options.identity);
    uint64_t held = options.identity.given >> SET_BOUNDING & 1 ? options.identity.sets[SET_BOUNDING] : 0;
    if (filter_deny(options.denied, held, options.denied_names) < 0)
        give_up(door, errno, "filter", "what the untraced container may not do");
    enter_filter(door, options.traced, command);
    const char *failed = set_credentials(&options.identity);
    if (failed)
        give_up(door, errno, failed, command);
    sigset_t go, before;
    if (options.hold)
        keep_answer(&go, &before);
    if (options.enter)
        enter_processes();
    if (options.hold)
        hold(&go, &before);
    execve(program, options.argv, environ);
    give_up(door, errno, "execute", program);
}
