/* The processes of a sandbox that become commands. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enter.h"
#include "main.h"
#include "sandbox.h"
#include "sandbox_mounts.h"
#include "util.h"

void close_others(bool now) {
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        uint64_t fd;
        if (!parse_number(entry->d_name, 10, INT32_MAX, &fd) || fd < 3 || (int)fd == dirfd(directory))
            continue;
        if (now)
            close(fd);
        else
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    closedir(directory);
}

static void send_descriptor(int socket, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {{.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct iovec data = {"t", 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot send the terminal");
}

/* Opens a terminal of the sandbox, so that its name is valid there, and sends its other end to our parent. */
static void open_terminal(int socket) {
    int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlocked = 0, number;
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot open a terminal");
    char name[64], digits[NUMBER_SIZE];
    concat(name, "/dev/pts/", format_number(digits, number));
    int terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0)
        die_errno(EXIT_PROBE, "sandbox: cannot use ", name);
    mounts_bind_console(name);
    send_descriptor(socket, master);
    for (int fd = 0; fd < 3; fd++)
        dup2(terminal, fd);
}

static _Noreturn void become_init(struct sandbox *sandbox) {
    if (sandbox->no_new_privileges)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    leave(init_main(sandbox->init));
}

static void do_mounts(const struct sandbox *sandbox) {
    mounts_begin(sandbox->stage, sandbox->upper);
    for (char **at = sandbox->mounts; *at;)
        at = mounts_option(at, true);
    mounts_end(sandbox->read_only);
}

_Noreturn void sandbox_command(struct sandbox *sandbox, int ready) {
    do_mounts(sandbox);
    if (sandbox->workdir && !enter_workdir(sandbox->workdir, true))
        die_errno(EXIT_PROBE, "sandbox: cannot work in ", sandbox->workdir);
    setsid();
    if (sandbox->terminal >= 0)
        open_terminal(sandbox->terminal);
    else
        dup2(sandbox->own_errors, 2);
    if (!write_all(ready, "r", 1))
        die(EXIT_PROBE, "sandbox: the agent went away");
    close_others(true);
    become_init(sandbox);
}

_Noreturn void sandbox_enter(struct sandbox *sandbox) {
    close_others(true);
    become_init(sandbox);
}
