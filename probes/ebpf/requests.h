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

/* Writes records for what was asked for by calls that never ended. */
void requests_end(void);

/* What the events so far amount to; `repeated` told what was known here. Calls that told nothing are only
 * counted by the kernel's programs. */
struct request_counts {
    uint64_t recorded, unresolved, repeated;
    uint64_t calls; /* whose end was told */
};
extern struct request_counts request_counts;

/* No record may say that it comes before what the last counters said. */
void requests_set_received(uint64_t received);

#endif
