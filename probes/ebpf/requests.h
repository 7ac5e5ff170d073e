/* From the events of the kernel's programs to the records of protocol.h. */
#ifndef EBPF_REQUESTS_H
#define EBPF_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "stream.h"

/* `root` is a directory: the traced processes' "/". Their paths are looked up below it. */
void requests_open(int root);

/* The requests of this program are not recorded, except for its executions, and neither is its own execution:
 * it is the probe, which becomes the traced command. */
void requests_ignore(const char *program);

/* Writes the records of an event, which is followed by `text`. */
void requests_add(const struct event *event, const char *text);

/* Writes records for the requests of calls that never ended. */
void requests_end(void);

/* The numbers of events so far; `repeated` ones were already known. Calls without an event are only counted
 * by the kernel's programs. */
struct request_counts {
    uint64_t recorded, unresolved, repeated;
    uint64_t calls; /* whose end was reported */
};
extern struct request_counts request_counts;

/* Call this when counters are written: no later record may have a smaller number. */
void requests_set_received(uint64_t received);

#endif
