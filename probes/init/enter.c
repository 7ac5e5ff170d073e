#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups.h"
#include "util.h"

static bool same_file(int left, int right) {
    struct stat a, b;
    return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* For a user name space that has just been entered, in which our own user may have no number: without one, we
 * could not change the user and change back (set_credentials.h). If it has no root either, our user has a
 * number. */
static void become_root(void) {
    if (syscall(SYS_setresgid, 0, 0, 0) == 0)
        syscall(SYS_setresuid, 0, 0, 0);
}

void enter_namespaces(uint32_t pid) {
    static const char *const names[] = {"ns/user",   "ns/ipc", "ns/uts", "ns/net",
                                        "ns/cgroup", "ns/pid", "ns/mnt"};
    enum { COUNT = sizeof names / sizeof *names };
    int theirs[COUNT], ours[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char path[64];
        proc_path(path, pid, names[i], -1);
        theirs[i] = open(path, O_RDONLY | O_CLOEXEC);
        concat(path, "/proc/self/", names[i]);
        ours[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
    cgroups_join(pid); /* from then on, a probe that follows the target's groups counts our requests as the
                        * target's */
    for (int i = 0; i < COUNT; i++) {
        if (ours[i] < 0 || same_file(theirs[i], ours[i]))
            continue;
        if (setns(theirs[i], 0) < 0)
            die_errno(EXIT_PROBE, "init: cannot enter ", names[i]);
        if (i == 0)
            become_root();
    }
    for (int i = 0; i < COUNT; i++) {
        close(theirs[i]);
        close(ours[i]);
    }
}

static void make_directories(char *path) {
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    mkdir(path, 0755);
}

bool enter_workdir(char *path, bool make) {
    return chdir(path) == 0 || (make && (make_directories(path), chdir(path) == 0));
}

pid_t forked(void) {
    pid_t child = fork();
    if (child < 0)
        die_errno(EXIT_PROBE, "init: cannot fork");
    return child;
}

int exit_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

void enter_processes(void) {
    pid_t child = forked();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (!isatty(0)) /* otherwise it keeps the session of its terminal */
            setsid();
        return;
    }
    for (int number = 1; number < NSIG; number++) /* a terminal's signals are for the child */
        if (number != SIGCHLD)
            signal(number, SIG_IGN);
    syscall(SYS_close_range, 3, ~0U, 0); /* the child's own end of the door shows when it has executed */
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    leave(exit_status(status));
}
