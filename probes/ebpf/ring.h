/* What the programs in the kernel tell. A thread takes it out of the ring as soon as it can, into memory that
 * grows: so the ring has room, however long it takes to write the events. */
#ifndef EBPF_RING_H
#define EBPF_RING_H

#include <stdbool.h>

#include "event.h"

void ring_open(void);

/* Waits until all events reported so far are out of the ring. */
void ring_catch_up(void);

/* The next event, and its text with a NUL. False when there is none. */
bool ring_next(struct event *event, char text[SCRATCH_ROOM]);

#endif
