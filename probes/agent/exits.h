/* How the processes of a command end that do not end well: with a status that is not 0, or by a signal. An
 * exit is a trapped call, which has its status; a process that went away without one was killed. */
#ifndef EXITS_H
#define EXITS_H

#include <stdbool.h>
#include <stdint.h>

/* Becomes readable when exits_hear() has something to do; -1 before the first process. */
int exits_descriptor(void);

/* A process of the command, whose own is `first`, made a request, so its end will be known. */
void exits_watch(uint32_t tid, uint32_t program, uint32_t first);

/* A thread is about to end with this status, or, if `group` is not 0, all of that process, which is its own.
 */
void exits_note(uint32_t tid, uint32_t group, uint32_t program, uint8_t status);

/* The command itself ends: what the kernel kills with it did not fail. */
void exits_stop(void);

/* Records the processes that have ended. */
void exits_hear(void);

#endif
