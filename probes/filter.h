/* The two filters that init installs. */
#ifndef FILTER_H
#define FILTER_H

#include <stdint.h>

/* Installs the filter that notifies of every call of calls.c and denies io_uring_setup. Returns the listener,
 * or -1 with errno. `features` becomes FEATURE_* of what the kernel could do. */
int filter_notify(uint32_t *features);

/* Installs a filter that denies what Docker's default profile denies a container that does not have the
 * capabilities in `added` (bits as in capabilities(7)). Returns 0, or -1 with errno. */
int filter_deny(uint64_t added);

#endif
