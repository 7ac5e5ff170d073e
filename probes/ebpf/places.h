/* What is at a path below the root of what is traced. */
#ifndef EBPF_PLACES_H
#define EBPF_PLACES_H

#include <stdbool.h>

#include "tracee.h"

void places_open(int root);

/* Opens (O_PATH) what a path leads to, seen from the root and from `inside`, a directory below it or "".
 * -1 with errno. */
int place_open(const char *inside, const char *path, bool nofollow);

/* Whether something is there, and its path without symbolic links, "" where that is the same or not known. */
bool place_find(const char *inside, const char *path, bool nofollow, char real[PATH_LIMIT]);

#endif
