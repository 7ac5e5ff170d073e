/* From a call's path argument to an absolute path, and the file at it. */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "tracee.h"

/* A requested path: absolute, with its symbolic links and `..`, inside `root`. */
struct asked {
    char path[2 * PATH_LIMIT + 2];
    size_t size;
    uint32_t root; /* of root_name(); 0 is "/" */
    enum {
        ASKED_ANYHOW,   /* symbolic links and ".." may be anywhere */
        ASKED_NAME,     /* a name in a physical directory */
        ASKED_PHYSICAL, /* it comes from the kernel, so it exists and is its own real path */
    } form;
};

struct found {
    bool present;
    char real[PATH_LIMIT]; /* "" when absent, the same, or not known */
};

enum { WORKING_DIRECTORY = -100 }; /* AT_FDCWD */

/* Call this when processes may have other roots than the agent's. */
void roots_may_differ(void);

const char *root_name(uint32_t root);

/* Sets the request of `path` (of `size` bytes) in the process's directory `dirfd`. Returns 0 or an errno. */
int path_ask(struct asked *asked, uint32_t pid, int dirfd, const char *path, size_t size);

/* Sets the request of a descriptor's path in the process. Returns 0 or an errno. */
int path_of_descriptor(struct asked *asked, uint32_t pid, int fd);

/* Opens (O_PATH) its target; with `nofollow`, a final symbolic link itself. Returns -1 with errno on
 * failure. */
int path_open(const struct asked *asked, uint32_t pid, bool nofollow);

/* Resolves it, following a final symbolic link or not. */
void path_find(struct found *found, const struct asked *asked, uint32_t pid, bool nofollow);

#endif
