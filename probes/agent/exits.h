/* The ends of a command's processes that fail: with a status other than 0, or by a signal. An exit is a
 * trapped call with a status; a process that ends without one was killed. */
#ifndef EXITS_H
#define EXITS_H

#include <stdbool.h>
#include <stdint.h>

/* Becomes readable when exits_hear() has something to do; -1 before the first process. */
int exits_descriptor(void);

/* Notes a process of the command with the first process `first`; it made a request, so its end will be
 * known. */
void exits_watch(uint32_t tid, uint32_t program, uint32_t first);

/* Notes that a thread is about to end with this status or, if `group` is not 0, its whole process with that
 * number. */
void exits_note(uint32_t tid, uint32_t group, uint32_t program, uint8_t status);

/* Notes that the command itself ends: processes that the kernel kills with it did not fail. */
void exits_stop(void);

/* Records the processes that have ended. */
void exits_hear(void);

#endif
