/* `probe serve`: reads files on request from standard input (protocol.h, part 2). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "answer.h"
#include "bare.h"
#include "main.h"
#include "util.h"
#include "walk.h"

enum { REQUEST_LIMIT = 1 << 20, XATTR_NAMES = 65536, XATTR_VALUE = 65536, LINK_LIMIT = 4096 };

static void put_entry(const struct stat *status, const char *name, const char *target) {
    answer_u8(IFTODT(status->st_mode));
    answer_u32(status->st_mode & 07777);
    answer_u32(status->st_uid);
    answer_u32(status->st_gid);
    answer_u64(status->st_size);
    answer_u64(status->st_mtim.tv_sec);
    answer_u32(status->st_mtim.tv_nsec);
    answer_u64(status->st_dev);
    answer_u64(status->st_ino);
    answer_u64(status->st_nlink);
    answer_u32(major(status->st_rdev));
    answer_u32(minor(status->st_rdev));
    answer_bytes(name, strlen(name) + 1);
    answer_bytes(target, strlen(target) + 1);
}

/* The text of a symbolic link, "" for any other file. */
static const char *link_target(int directory, const char *name, const struct stat *status) {
    static char target[LINK_LIMIT + 1];
    ssize_t size = S_ISLNK(status->st_mode) ? readlinkat(directory, name, target, LINK_LIMIT) : 0;
    target[size > 0 ? size : 0] = 0;
    return target;
}

static int scan(char *path) {
    const char *name;
    AUTO_CLOSE int parent = walk_parent(path, &name);
    int fd =
        parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return errno;
    for (struct dirent *entry; errno = 0, (entry = readdir(directory));) {
        struct stat status;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            put_entry(&status, entry->d_name, link_target(fd, entry->d_name, &status));
        else if (errno != ENOENT) /* removed in the meantime: not in the directory */
            break;
    }
    int error = errno;
    closedir(directory);
    return error;
}

/* Opens a regular file of the working directory. A device or FIFO is never opened. */
static int open_regular(const char *name, struct stat *status) {
    if (lstat(name, status) < 0)
        return -1;
    if (!S_ISREG(status->st_mode))
        return errno = EINVAL, -1;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, status) < 0 || !S_ISREG(status->st_mode))) {
        close(fd);
        return errno = EINVAL, -1;
    }
    return fd;
}

/* Changes the working directory to a path's directory, for calls that take no descriptor. Returns 0 or an
 * errno. */
static int enter(char *path, const char **name) {
    AUTO_CLOSE int parent = walk_parent(path, name);
    if (parent < 0)
        return errno;
    return fchdir(parent) < 0 ? errno : 0;
}

static int read_range(char *payload, size_t size) {
    uint64_t offset, count;
    const char *name;
    if (size < sizeof offset + sizeof count)
        return EINVAL;
    memcpy(&offset, payload, sizeof offset);
    memcpy(&count, payload + sizeof offset, sizeof count);
    int error = enter(payload + sizeof offset + sizeof count, &name);
    if (error)
        return error;
    struct stat status;
    int fd = open_regular(name, &status);
    if (fd < 0)
        return errno;
    uint64_t whole = status.st_size, left = offset < whole ? whole - offset : 0;
    answer_file(fd, offset, count < left ? count : left);
    return 0;
}

/* Both the names and each value are limited to 64 KiB by Linux (xattr(7)). */
static int put_xattrs(const char *name) {
    static char names[XATTR_NAMES], value[XATTR_VALUE];
    size_t count_at = answer_reserve_u32();
    uint32_t count = 0;
    ssize_t size = llistxattr(name, names, sizeof names);
    if (size < 0 && errno != ENOTSUP)
        return errno;
    for (char *at = names; at < names + size; at += strlen(at) + 1) {
        ssize_t length = lgetxattr(name, at, value, sizeof value);
        if (length < 0 && (errno == ENODATA || errno == ENOTSUP))
            continue;
        if (length < 0)
            return errno;
        answer_bytes(at, strlen(at) + 1);
        answer_u32(length);
        answer_bytes(value, length);
        count++;
    }
    answer_fill_u32(count_at, count);
    return 0;
}

static int pack(char *path) {
    char *whole = strdup(path);
    const char *name;
    struct stat status;
    int fd = -1, error = whole ? enter(path, &name) : ENOMEM;
    if (!error && lstat(name, &status) < 0)
        error = errno;
    if (!error && S_ISREG(status.st_mode) && (fd = open_regular(name, &status)) < 0)
        error = errno;
    if (!error) {
        put_entry(&status, whole, link_target(AT_FDCWD, name, &status));
        error = put_xattrs(name);
    }
    if (!error && fd >= 0)
        answer_file(fd, 0, status.st_size);
    else if (fd >= 0)
        close(fd);
    free(whole);
    return error;
}

static int answer_to(char op, char *payload, size_t size) {
    switch (op) {
    case 'S':
        return scan(payload);
    case 'R':
        return read_range(payload, size);
    case 'P':
        return pack(payload);
    }
    die(EXIT_PROBE, "serve: unknown request");
}

static void end(int signal) { _exit(signal ? 0 : 1); }

int serve_main(char **argv) {
    static char payload[REQUEST_LIMIT + 1];
    bool wants_bare = argv[0] && !strcmp(argv[0], "--bare");
    if (argv[wants_bare])
        die(EXIT_USAGE, "usage: probe serve [--bare]");
    signal(SIGTERM, end);
    signal(SIGINT, end);
    signal(SIGPIPE, SIG_IGN);
    if (wants_bare)
        bare();
    char head[5];
    while (request_read(head, sizeof head)) {
        uint32_t size;
        memcpy(&size, head + 1, sizeof size);
        if (size > REQUEST_LIMIT)
            die(EXIT_PROBE, "serve: a request is too large");
        if (!request_read(payload, size))
            die(EXIT_PROBE, "serve: a request is cut");
        payload[size] = 0;
        answer_begin();
        answer_end(answer_to(head[0], payload, size));
    }
    answer_flush();
    return 0;
}
