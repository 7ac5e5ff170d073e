#define _GNU_SOURCE
#include "lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As Go's findExecutable: any file but a directory that this user may execute. */
static int executable(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM)
        return errno;
    return status.st_mode & 0111 ? 0 : EACCES;
}

static int search(const char *command, char program[LOOKUP_LIMIT]) {
    size_t size = strlen(command);
    if (size >= LOOKUP_LIMIT / 2)
        return ENAMETOOLONG;
    if (strchr(command, '/')) {
        memcpy(program, command, size + 1);
        return executable(program);
    }
    const char *path = getenv("PATH");
    int error = ENOENT;
    for (const char *end; *command && path && *path; path = *end ? end + 1 : end) {
        end = strchrnul(path, ':');
        size_t length = end - path;
        if (length >= LOOKUP_LIMIT / 2)
            continue;
        memcpy(program, path, length);
        program[length] = '/';
        memcpy(program + length + !!length, command, size + 1);
        if (executable(program) == 0) /* Go refuses a file that it finds relative to the working directory */
            return *program == '/' ? 0 : EACCES;
    }
    return error;
}

int lookup(const struct identity *identity, const char *command, char program[LOOKUP_LIMIT]) {
    if (set_user_for_now(identity) < 0)
        return errno;
    int error = search(command, program);
    return restore_root() < 0 ? errno : error;
}
