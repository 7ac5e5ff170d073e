/* Helpers for every part of the probe. They do not use stdio, which would double the binary. */
#ifndef UTIL_H
#define UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { EXIT_USAGE = 64, EXIT_PROBE = 70 };

/* Writes "probe: " and the strings up to a NULL as one line on standard error. */
void complain(const char *first, ...);

/* Ends the process at once. */
_Noreturn void leave(int status);

/* Prints the strings as complain() does, and ends the process. */
#define die(status, ...) (complain(__VA_ARGS__, NULL), leave(status))

/* As die(), with the message of errno after the strings. */
#define die_errno(status, ...) die(status, __VA_ARGS__, ": ", strerror(errno))

/* Closes a descriptor, unless it is negative, and keeps errno. For AUTO_CLOSE. */
void close_descriptor(int *fd);

/* For a variable with a descriptor: closes it at the end of its block, however that is left. */
#define AUTO_CLOSE __attribute__((cleanup(close_descriptor)))

/* Writes all of the data, in several writes if necessary. Returns false with errno on an error. */
bool write_all(int fd, const void *bytes, size_t size);

/* Reads exactly `size` bytes. Returns false at the end of the stream (errno 0) or on an error. */
bool read_all(int fd, void *bytes, size_t size);

/* Parses a string that is a number in the given base. Returns false if it is not one, or above the limit. */
bool parse_number(const char *text, int base, uint64_t limit, uint64_t *number);

enum { NUMBER_SIZE = 21 };

/* Undoes the octal escapes of a field of mountinfo (proc_pid_mountinfo(5)), in place: those of space, tab,
 * newline and backslash. Its Python twin is tracewhale/rootfs/mountinfo.py. */
void unescape(char *text);

/* Writes a number in decimal with a NUL, and returns `out`. */
char *format_number(char out[static NUMBER_SIZE], uint64_t number);

/* Appends the strings up to a NULL to the text in a buffer of `size` bytes. Returns false with ENAMETOOLONG,
 * and leaves the text as it was, if the buffer is too small. */
bool append(char *text, size_t size, const char *first, ...);

/* Sets the text in an array to the strings. Returns as append() does; on failure the text is empty. */
#define concat(array, ...) (*(array) = 0, append(array, sizeof(array), __VA_ARGS__, NULL))

enum { PROC_SIZE = 64 };

/* Writes "/proc/PID/NAME" and, with number >= 0, "/NUMBER". `name` has less than 20 bytes. */
void proc_path(char out[static PROC_SIZE], uint32_t pid, const char *name, long number);

/* Writes the path of an own descriptor, "/proc/self/fd/FD", and returns `out`. */
char *descriptor_path(char out[static PROC_SIZE], int fd);

/* Returns the milliseconds of a monotonic clock, exact to some milliseconds, without a system call. */
int64_t milliseconds(void);

#endif
