/* `probe sandbox`: runs a command in its own name spaces, under the agent, without a container engine.
 *
 * It has three processes: the keeper, which was started; the agent, with this machine's process ids and the
 * sandbox's files; and the command, process 1 of the sandbox. The standard streams are the command's. `probe
 * sandbox --enter` puts one more command into a sandbox. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enter.h"
#include "main.h"
#include "sandbox.h"
#include "sandbox_mounts.h"
#include "util.h"

static uint64_t number(const char *option, const char *text, uint64_t limit) {
    uint64_t value;
    if (!parse_number(text, 10, limit, &value))
        die(EXIT_USAGE, "sandbox: ", option, " needs a number, not \"", text, "\"");
    return value;
}

/* NUMBER:SOFT:HARD, with RLIM_INFINITY as all ones. It applies to this process and its children. */
static void limit(char *text) {
    char *soft = strchr(text, ':'), *hard = soft ? strchr(soft + 1, ':') : NULL;
    if (!hard)
        die(EXIT_USAGE, "sandbox: invalid limit ", text);
    *soft++ = *hard++ = 0;
    struct rlimit limit = {number("--limit", soft, UINT64_MAX), number("--limit", hard, UINT64_MAX)};
    if (setrlimit(number("--limit", text, RLIM_NLIMITS), &limit) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot set a limit");
}

static bool parse_text(struct sandbox *sandbox, const char *option, char *value) {
    struct {
        const char *option;
        char **text;
    } texts[] = {{"--stage", &sandbox->stage},
                 {"--upper", &sandbox->upper},
                 {"--hostname", &sandbox->hostname},
                 {"--workdir", &sandbox->workdir},
                 {"--ports", &sandbox->ports}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(option, texts[i].option)) {
            *texts[i].text = value;
            return true;
        }
    return false;
}

static bool parse_number_option(struct sandbox *sandbox, const char *option, char *value) {
    struct {
        const char *option;
        int *number;
    } numbers[] = {{"--lifeline", &sandbox->lifeline}, {"--status", &sandbox->status},
                   {"--events", &sandbox->events},     {"--input", &sandbox->input},
                   {"--errors", &sandbox->errors},     {"--terminal", &sandbox->terminal},
                   {"--user", (int *)&sandbox->uid},   {"--group", (int *)&sandbox->gid}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strcmp(option, numbers[i].option)) {
            *numbers[i].number = number(option, value, INT32_MAX);
            sandbox->user |= !strcmp(option, "--user");
            return true;
        }
    return false;
}

static bool parse_flag(struct sandbox *sandbox, const char *option) {
    struct {
        const char *option;
        bool *flag;
    } flags[] = {{"--enter", &sandbox->enter},
                 {"--own-network", &sandbox->own_network},
                 {"--read-only", &sandbox->read_only},
                 {"--no-new-privileges", &sandbox->no_new_privileges}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(option, flags[i].option))
            return *flags[i].flag = true;
    return false;
}

/* Options, `--mounts` and the mounts in order, `--` and the arguments of `probe init`. */
static void parse(struct sandbox *sandbox, char **argv) {
    for (; *argv && strcmp(*argv, "--mounts") && strcmp(*argv, "--"); argv++) {
        if (parse_flag(sandbox, *argv))
            continue;
        if (!argv[1])
            die(EXIT_USAGE, "sandbox: ", *argv, " needs a value");
        if (!strcmp(*argv, "--limit"))
            limit(argv[1]);
        else if (!parse_text(sandbox, *argv, argv[1]) && !parse_number_option(sandbox, *argv, argv[1]))
            die(EXIT_USAGE, "sandbox: unknown option ", *argv);
        argv++;
    }
    if (*argv && !strcmp(*argv, "--mounts"))
        sandbox->mounts = ++argv;
    while (*argv && strcmp(*argv, "--"))
        argv = mounts_option(argv, false);
    if (!*argv || !argv[1])
        die(EXIT_USAGE, "usage: probe sandbox OPTION... [--mounts MOUNT...] -- INIT-OPTION... -- COMMAND...");
    *argv = NULL;
    sandbox->init = argv + 1;
}

/* ---- name spaces ------------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text) {
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || !write_all(fd, text, strlen(text)))
        die_errno(EXIT_PROBE, "sandbox: cannot write ", name);
}

static void map(const char *name, uint32_t inside, uint32_t outside) {
    char text[64], inside_digits[NUMBER_SIZE], outside_digits[NUMBER_SIZE];
    concat(text, format_number(inside_digits, inside), " ", format_number(outside_digits, outside), " 1");
    write_file(name, text);
}

/* Maps one user and one group, which needs no privilege (user_namespaces(7)). */
static void unshare_user(const struct sandbox *sandbox) {
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) < 0)
        die_errno(EXIT_PROBE, "sandbox: this user may not make a user name space");
    write_file("/proc/self/setgroups", "deny");
    map("/proc/self/uid_map", sandbox->uid, uid);
    map("/proc/self/gid_map", sandbox->gid, gid);
}

static void bring_up_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        ioctl(fd, SIOCSIFFLAGS, &request);
}

static void unshare_all(const struct sandbox *sandbox) {
    if (sandbox->user)
        unshare_user(sandbox);
    int spaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (sandbox->own_network ? CLONE_NEWNET : 0);
    if (unshare(spaces) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot make name spaces");
    if (sandbox->own_network)
        bring_up_loopback();
    if (sandbox->hostname && sethostname(sandbox->hostname, strlen(sandbox->hostname)) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot set the host name");
}

/* ---- the agent and the keeper ------------------------------------------------------------------------ */

/* Its /proc is this machine's, because the process ids in notifications are those of the agent's name
 * space. */
static _Noreturn void agent(struct sandbox *sandbox, int ready, int proc) {
    char byte;
    if (!read_all(ready, &byte, 1))
        leave(0); /* the command's process said why */
    if (unshare(CLONE_NEWNS) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot make a mount name space");
    mounts_replace_proc(proc);
    dup2(sandbox->input, 0);
    dup2(sandbox->events, 1);
    close_others(true);
    char *argv[] = {sandbox->ports ? "--ports" : NULL, sandbox->ports, NULL};
    leave(agent_main(argv));
}

static void say(int fd, const char *word, uint64_t number) {
    char line[64], digits[NUMBER_SIZE];
    if (!concat(line, word, format_number(digits, number), "\n") || !write_all(fd, line, strlen(line)))
        return; /* without a reader the lifeline ends, too */
}

/* Waits for a child's end; kills it if our parent has ended. */
static int await(pid_t child, int lifeline) {
    int status, handle = syscall(SYS_pidfd_open, child, 0);
    struct pollfd entries[] = {{handle, POLLIN, 0}, {lifeline, POLLIN, 0}};
    while (handle >= 0 && !entries[0].revents && !entries[1].revents)
        poll(entries, 2, -1);
    if (!entries[0].revents)
        kill(child, SIGKILL);
    close(handle);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return exit_status(status);
}

static _Noreturn void keep(struct sandbox *sandbox) {
    int ready[2];
    unshare_all(sandbox);
    int proc = mounts_clone_proc();
    if (chdir("/") < 0 || pipe2(ready, O_CLOEXEC) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot make a pipe");
    pid_t agent_pid = forked();
    if (!agent_pid) {
        close(ready[1]);
        agent(sandbox, ready[0], proc);
    }
    close(proc);
    if (unshare(CLONE_NEWPID) < 0) /* for the following children */
        die_errno(EXIT_PROBE, "sandbox: cannot make a process name space");
    pid_t command_pid = forked();
    if (!command_pid)
        sandbox_command(sandbox, ready[1]);
    close(ready[0]);
    close(ready[1]);
    close(sandbox->events);
    close(sandbox->errors);
    close(sandbox->input);
    close(sandbox->own_errors);
    signal(SIGPIPE, SIG_IGN); /* our parent may have ended */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    say(sandbox->status, "pid ", command_pid);
    say(sandbox->status, "exit ", await(command_pid, sandbox->lifeline));
    await(agent_pid, sandbox->lifeline);
    leave(0);
}

int sandbox_main(char **argv) {
    static struct sandbox sandbox = {.lifeline = -1, .terminal = -1};
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    close_others(false);
    parse(&sandbox, argv);
    setsid(); /* signals of a terminal or to our group must not reach the sandbox */
    if (sandbox.enter)
        sandbox_enter(&sandbox);
    if (!sandbox.stage || !sandbox.mounts)
        die(EXIT_USAGE, "sandbox: --stage and --mounts are needed");
    sandbox.own_errors = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (sandbox.own_errors < 0 || dup2(sandbox.errors, 2) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot use the descriptor of --errors");
    keep(&sandbox);
}
