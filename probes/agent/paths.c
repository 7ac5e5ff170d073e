#define _GNU_SOURCE
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "names.h"
#include "util.h"

static struct names roots;
static bool may_differ;

const char *root_name(uint32_t root) { return root ? names_get(&roots, root) : ""; }

void roots_may_differ(void) {
    bool added;
    if (!may_differ)
        names_add(&roots, "", 0, &added); /* so that number 0 is "/" */
    may_differ = true;
}

static int process_root(uint32_t pid, uint32_t *root) {
    *root = 0;
    if (!may_differ)
        return 0;
    char path[PATH_LIMIT];
    ssize_t size = tracee_link(pid, "root", -1, path);
    if (size < 0)
        return errno;
    bool added;
    if (size > 1)
        *root = names_add(&roots, path, size, &added);
    return 0;
}

/* Removes the " (deleted)" that the kernel adds to the name of a deleted file. */
static bool take_off_deleted(char *path, size_t *size) {
    static const char suffix[] = " (deleted)";
    size_t length = sizeof suffix - 1;
    struct stat status;
    bool deleted =
        *size > length && !memcmp(path + *size - length, suffix, length) && lstat(path, &status) < 0;
    if (deleted)
        path[ *size -= length] = 0;
    return deleted;
}

/* Reads the target of a link of /proc/PID as the process sees it: inside its root or, if it is outside of
 * that, as the agent sees it. */
static int from_link(struct asked *asked, uint32_t pid, const char *name, long number) {
    ssize_t got = tracee_link(pid, name, number, asked->path);
    if (got < 0)
        return errno == ENOENT && number >= 0 ? EBADF : errno;
    if (asked->path[0] != '/')
        return ENOTDIR;
    size_t size = got;
    asked->form = take_off_deleted(asked->path, &size) ? ASKED_NAME : ASKED_PHYSICAL;
    int error = process_root(pid, &asked->root);
    const char *root = root_name(asked->root);
    size_t length = strlen(root);
    if (length && !strncmp(asked->path, root, length) && (asked->path[length] == '/' || !asked->path[length]))
        memmove(asked->path, asked->path + length, (size -= length) + 1);
    else
        asked->root = 0;
    if (!size)
        memcpy(asked->path, "/", 2), size = 1;
    asked->size = size;
    return error;
}

int path_of_descriptor(struct asked *asked, uint32_t pid, int fd) {
    return fd < 0 ? EBADF : from_link(asked, pid, "fd", fd);
}

static bool is_name(const char *path, size_t size) {
    return !memchr(path, '/', size) && strcmp(path, ".") != 0 && strcmp(path, "..") != 0;
}

int path_ask(struct asked *asked, uint32_t pid, int dirfd, const char *path, size_t size) {
    size_t base = 0;
    int error;
    if (*path == '/') {
        asked->form = ASKED_ANYHOW;
        error = process_root(pid, &asked->root);
    } else {
        error = dirfd == WORKING_DIRECTORY ? from_link(asked, pid, "cwd", -1)
                                           : path_of_descriptor(asked, pid, dirfd);
        if (error)
            return error;
        base = asked->size;
        if (asked->path[base - 1] != '/')
            asked->path[base++] = '/';
        asked->form = is_name(path, size) ? ASKED_NAME : ASKED_ANYHOW;
    }
    memcpy(asked->path + base, path, size + 1);
    asked->size = base + size;
    return error;
}

static int open_in(int directory, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve};
    static bool unknown; /* before Linux 5.6 */
    int fd = -1;
    errno = ENOSYS;
    for (int tries = 0; !unknown && tries < 100; tries++) {
        fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) /* EAGAIN: a rename on the way of ".." */
            break;
    }
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    unknown |= errno == ENOSYS;
    return resolve & RESOLVE_NO_SYMLINKS ? (errno = ELOOP, -1) : openat(directory, path, how.flags);
}

/* /proc/self is another directory for the process than for us. */
static bool translate_self(char out[static PATH_LIMIT], const char *path, uint32_t pid) {
    static const char self[] = "/proc/self", thread[] = "/proc/thread-self";
    const char *rest = NULL;
    if (!strncmp(path, self, sizeof self - 1))
        rest = path + sizeof self - 1;
    else if (!strncmp(path, thread, sizeof thread - 1))
        rest = path + sizeof thread - 1;
    if (!rest || (*rest && *rest != '/'))
        return false;
    proc_path(out, pid, "", -1);
    out[strlen(out) - 1] = 0;
    return append(out, PATH_LIMIT, rest, NULL);
}

/* Returns whether it has other mounts than the agent. */
static bool is_elsewhere(uint32_t pid) {
    char path[64];
    struct stat ours, theirs;
    proc_path(path, pid, "ns/mnt", -1);
    return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino != theirs.st_ino;
}

static int open_in_its_root(const char *asked, uint32_t pid, int flags) {
    char path[64];
    proc_path(path, pid, "root", -1);
    AUTO_CLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -1 : open_in(root, asked, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open(const struct asked *asked, uint32_t pid, bool nofollow) {
    char path[PATH_LIMIT];
    int flags = nofollow ? O_NOFOLLOW : 0;
    if (asked->size >= PATH_LIMIT)
        return errno = ENAMETOOLONG, -1;
    if (may_differ && (asked->root || is_elsewhere(pid)))
        return open_in_its_root(asked->path, pid, flags);
    if (translate_self(path, asked->path, pid))
        return open_in(AT_FDCWD, path, flags, 0);
    /* Magic links (as behind /dev/stdin) would lead to our own descriptors. */
    return open_in(AT_FDCWD, asked->path, flags, RESOLVE_NO_MAGICLINKS);
}

/* Returns whether there is no ".", ".." or doubled slash: then a path without symbolic links is its own real
 * path. */
static bool is_clean(const char *path) {
    for (; *path; path = strchrnul(path + 1, '/'))
        if (path[1] == '/' || !path[1] || (path[1] == '.' && (!path[2] || strchr("./", path[2]))))
            return false;
    return true;
}

/* Handles the usual cases with fewer system calls. Returns false if they do not apply. */
static bool find_quickly(struct found *found, const struct asked *asked, bool nofollow) {
    struct stat status;
    found->present = true;
    if (asked->form == ASKED_PHYSICAL)
        return true;
    if (may_differ || asked->size >= PATH_LIMIT)
        return false;
    if (asked->form == ASKED_NAME) {
        if (fstatat(AT_FDCWD, asked->path, &status, AT_SYMLINK_NOFOLLOW) == 0)
            return nofollow || !S_ISLNK(status.st_mode);
    } else {
        int fd = is_clean(asked->path) ? open_in(AT_FDCWD, asked->path, 0, RESOLVE_NO_SYMLINKS)
                                       : (errno = ELOOP, -1);
        if (fd >= 0)
            return close(fd) == 0;
    }
    found->present = false;
    return errno == ENOENT || errno == ENOTDIR;
}

void path_find(struct found *found, const struct asked *asked, uint32_t pid, bool nofollow) {
    found->real[0] = 0;
    if (find_quickly(found, asked, nofollow))
        return;
    AUTO_CLOSE int fd = path_open(asked, pid, nofollow);
    if (fd < 0) {
        /* ELOOP is a magic link or too many links; a file that may not be opened exists. */
        struct stat status;
        found->present = errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG && errno != ESRCH &&
                         (errno != ELOOP || asked->root || fstatat(AT_FDCWD, asked->path, &status, 0) == 0);
        return;
    }
    found->present = true;
    char link[PROC_SIZE];
    ssize_t size = readlink(descriptor_path(link, fd), found->real, PATH_LIMIT - 1);
    found->real[size > 0 ? size : 0] = 0;
    const char *root = root_name(asked->root);
    size_t length = strlen(root);
    if (found->real[0] != '/' ||
        (!strncmp(found->real, root, length) && !strcmp(found->real + length, asked->path)))
        found->real[0] = 0;
}
