/* The traced process: its memory, its descriptors and its directories. */
#ifndef TRACEE_H
#define TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* PATH_MAX: the longest path that the kernel accepts, with its NUL. */
enum { PATH_LIMIT = 4096 };

/* Reads up to `size` bytes of its memory, fewer at its end. Returns -1 with errno if it can read none. */
ssize_t tracee_read(uint32_t pid, uint64_t address, void *bytes, size_t size);

/* Reads a path. Returns its length without the NUL, or -1 with errno: EFAULT, ENAMETOOLONG, ESRCH... */
ssize_t tracee_path(uint32_t pid, uint64_t address, char path[PATH_LIMIT]);

/* Reads the link /proc/PID/NAME or, with number >= 0, /proc/PID/NAME/NUMBER. Returns its length, or -1 with
 * errno. */
ssize_t tracee_link(uint32_t pid, const char *name, long number, char link[PATH_LIMIT]);

/* Opens (O_PATH) the file of a descriptor of the process. Returns -1 with errno on failure. */
int tracee_open(uint32_t pid, int number);

/* Returns the number of a thread's process, which is that of its first thread; 0 if it is unknown. */
uint32_t tracee_process(uint32_t tid);

/* Returns whether a thread belongs to this process. */
bool tracee_is_of(uint32_t process, uint32_t tid);

/* Returns the id of the program that it executes, from a cache that tracee_forget() keeps valid. Writes a
 * program's record the first time. Id 0 is an unknown program. */
uint32_t tracee_program(uint32_t tid);

/* Call this when a thread is about to execute another program. */
void tracee_forget(uint32_t tid);

#endif
