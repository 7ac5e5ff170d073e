/* From the events of the kernel's programs to the records of protocol.h. */
#ifndef EBPF_REQUESTS_H
#define EBPF_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "stream.h"

/* `root` is a directory: the traced processes' "/". Their paths are looked up below it. */
void requests_open(int root);

/* What this program asks for is not recorded, except for what it executes, nor that it is executed: it is the
 * probe, which becomes what is traced. */
void requests_ignore(const char *program);

/* Writes the records of an event, which `text` follows. */
void requests_add(const struct event *event, const char *text);

/* Writes records for the requests of calls that never ended. */
void requests_end(void);

/* The counts of the events so far; `repeated` ones were already known. Calls without an event are only
 * counted by the kernel's programs. */
struct request_counts {
    uint64_t recorded, unresolved, repeated;
    uint64_t calls; /* whose end was reported */
};
extern struct request_counts request_counts;

/* No record may say that it comes before what the last counters said. */
void requests_set_received(uint64_t received);

#endif
