/* The events of the programs in the kernel. A thread moves them from the ring as soon as it can, into memory
 * that grows, so that the ring has room even while the events are being written. */
#ifndef EBPF_RING_H
#define EBPF_RING_H

#include <stdbool.h>

#include "event.h"

void ring_open(void);

/* Waits until all events reported so far are out of the ring. */
void ring_catch_up(void);

/* Returns the next event and its text with a NUL. Returns false if there is none. */
bool ring_next(struct event *event, char text[SCRATCH_ROOM]);

#endif
