/* The filters that init installs. */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the filter that notifies of every call of calls.c and denies io_uring_setup. Returns the listener,
 * or -1 with errno. `features` becomes the FEATURE_* flags of the kernel. */
int filter_notify(uint32_t *features);

/* Installs the filter for an external tracer: it denies io_uring_setup and, if `traced`, stops a tracee at
 * every call of calls.c and at ptrace (PTRACE_O_TRACESECCOMP); without a tracer those calls fail. Returns 0,
 * or -1 with errno. */
int filter_hold(bool traced);

/* Installs a filter that denies the calls that Docker's default profile denies to a container with the
 * capabilities in `held` and without those in `added` (bits as in capabilities(7)). It also denies the calls
 * in a list of names, from those that older profiles denied: name_to_handle_at, process_vm_readv,
 * process_vm_writev. Returns 0, or -1 with errno. */
int filter_deny(uint64_t added, uint64_t held, const char *names);

#endif
