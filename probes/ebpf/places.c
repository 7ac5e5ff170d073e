#define _GNU_SOURCE
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

static int root = -1;

void places_open(int directory) { root = directory; }

static int open_below(int directory, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};
    int fd = -1;
    for (int tries = 0; tries < 100; tries++) {
        fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) /* EAGAIN: a rename on the way of ".." */
            break;
    }
    return fd;
}

static int open_from(const char *inside, const char *path, bool nofollow, uint64_t resolve) {
    AUTO_CLOSE int directory = *inside ? open_below(root, inside, O_DIRECTORY, 0) : -1;
    if (*inside && directory < 0)
        return -1;
    return open_below(*inside ? directory : root, path, nofollow ? O_NOFOLLOW : 0, resolve);
}

int place_open(const char *inside, const char *path, bool nofollow) {
    return open_from(inside, path, nofollow, 0);
}

bool place_find(const char *inside, const char *path, bool nofollow, char real[PATH_LIMIT]) {
    *real = 0;
    AUTO_CLOSE int fd = open_from(inside, path, nofollow, 0);
    if (fd < 0)
        return errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG;
    char link[PROC_SIZE];
    ssize_t size = readlink(descriptor_path(link, fd), real, PATH_LIMIT - 1);
    real[size > 0 ? size : 0] = 0;
    size_t length = strlen(inside);
    if (*real != '/' || (!strncmp(real, inside, length) && !strcmp(real + length, path)))
        *real = 0;
    return true;
}
