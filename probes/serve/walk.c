#define _GNU_SOURCE
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SHORT = 4096 };

/* Removes trailing slashes and returns whether "." or ".." is among the components. */
static int check(char *path) {
    if (*path != '/')
        return -1;
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/';)
        path[--size] = 0;
    for (const char *at = path; *at; at = strchrnul(at + 1, '/'))
        if (at[1] == '.' && (at[2] == 0 || at[2] == '/' || (at[2] == '.' && (at[3] == 0 || at[3] == '/'))))
            return -1;
    return 0;
}

/* Opens one component after the other; each is a name of at most 255 bytes. */
static int walk(char *path) {
    int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (char *next; here >= 0 && *path; path = next) {
        next = strchrnul(path, '/');
        char end = *next;
        *next = 0;
        int deeper = *path ? openat(here, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : dup(here);
        int error = errno;
        *next = end;
        next += end != 0;
        close(here);
        errno = error;
        here = deeper;
    }
    return here;
}

static int open_directory(char *path) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    int fd = strlen(path) < SHORT ? syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) : -1;
    return fd >= 0 || (strlen(path) < SHORT && errno != ENOSYS && errno != EPERM) ? fd : walk(path);
}

int walk_parent(char *path, const char **name) {
    if (check(path) < 0)
        return errno = EINVAL, -1;
    char *slash = strrchr(path, '/');
    *name = slash[1] ? slash + 1 : ".";
    if (slash == path)
        return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    *slash = 0;
    int fd = open_directory(path);
    *slash = '/';
    return fd;
}
