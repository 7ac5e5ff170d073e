/* The files at paths below the root of the traced processes. */
#ifndef EBPF_PLACES_H
#define EBPF_PLACES_H

#include <stdbool.h>

#include "tracee.h"

void places_open(int root);

/* Opens (O_PATH) the target of a path, seen from the root and from `inside`, a directory below it or "".
 * Returns -1 with errno on failure. */
int place_open(const char *inside, const char *path, bool nofollow);

/* Returns whether the path exists, and its real path, "" if that is the same or unknown. */
bool place_find(const char *inside, const char *path, bool nofollow, char real[PATH_LIMIT]);

#endif
