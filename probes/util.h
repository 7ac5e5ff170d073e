/* Small things that every part of the probe needs. No stdio: it would double the binary. */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_USAGE = 64, EXIT_PROBE = 70 };

/* Writes "probe: " and the strings up to a NULL as one line on standard error. */
void complain(const char *first, ...);

/* Ends the process at once. */
_Noreturn void leave(int status);

/* complain(), then leave(). */
#define fail(status, ...)                                                                                    \
    do {                                                                                                     \
        complain(__VA_ARGS__, NULL);                                                                         \
        leave(status);                                                                                       \
    } while (0)

/* Writes all of it, whatever a write takes at a time. False with errno when that fails. */
bool write_all(int fd, const void *bytes, size_t size);

/* Reads exactly `size` bytes. False at the end of the stream (errno 0) or on an error. */
bool read_all(int fd, void *bytes, size_t size);

/* A number in the given base that takes up the whole string. False if it is none, or above the limit. */
bool parse_number(const char *text, int base, uint64_t limit, uint64_t *number);

/* Writes a number in decimal and a NUL; returns a pointer to the NUL. At most 21 bytes. */
char *format_number(char *out, uint64_t number);

/* Copies a string with its NUL; returns a pointer to the NUL. */
char *append(char *out, const char *text);

/* "/proc/PID/NAME" and, with number >= 0, "/NUMBER". */
void proc_path(char out[64], uint32_t pid, const char *name, long number);

/* Milliseconds of a clock that only goes forward, to some milliseconds' exactness, with no system call. */
int64_t milliseconds(void);

#endif
