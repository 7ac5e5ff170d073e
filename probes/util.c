#include "util.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void complain(const char *first, ...) {
    struct iovec parts[16] = {{"probe: ", 7}};
    int count = 1;
    va_list rest;
    va_start(rest, first);
    for (const char *text = first; text && count < 15; text = va_arg(rest, const char *))
        parts[count++] = (struct iovec){(char *)text, strlen(text)};
    va_end(rest);
    parts[count++] = (struct iovec){"\n", 1};
    if (writev(2, parts, count) < 0)
        return; /* nobody is left to read it */
}

void leave(int status) {
    syscall(SYS_exit_group, status);
    __builtin_trap();
}

static bool wait_for(int fd, short events) {
    struct pollfd entry = {fd, events, 0};
    return poll(&entry, 1, -1) >= 0 || errno == EINTR;
}

bool write_all(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size) {
        ssize_t written = write(fd, at, size);
        if (written >= 0) {
            at += written;
            size -= written;
        } else if (errno == EAGAIN ? !wait_for(fd, POLLOUT) : errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool read_all(int fd, void *bytes, size_t size) {
    char *at = bytes;
    while (size) {
        ssize_t got = read(fd, at, size);
        if (got > 0) {
            at += got;
            size -= got;
        } else if (got == 0) {
            errno = 0;
            return false;
        } else if (errno == EAGAIN ? !wait_for(fd, POLLIN) : errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool parse_number(const char *text, int base, uint64_t limit, uint64_t *number) {
    uint64_t value = 0;
    if (base == 16 && text[0] == '0' && (text[1] | 32) == 'x')
        text += 2;
    if (!*text)
        return false;
    for (; *text; text++) {
        int lower = *text | 32;
        int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                   : 99;
        if (digit >= base || value > (limit - digit) / base)
            return false;
        value = value * base + digit;
    }
    *number = value;
    return true;
}

void unescape(char *text) {
    char *out = text;
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            *out++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
            text += 3;
        } else {
            *out++ = *text;
        }
    }
    *out = 0;
}

char *format_number(char out[static NUMBER_SIZE], uint64_t number) {
    char digits[NUMBER_SIZE - 1], *end = out;
    int count = 0;
    do
        digits[count++] = '0' + number % 10;
    while (number /= 10);
    while (count)
        *end++ = digits[--count];
    *end = 0;
    return out;
}

bool append(char *text, size_t size, const char *first, ...) {
    size_t start = strlen(text), end = start;
    va_list rest;
    va_start(rest, first);
    for (const char *more = first; more; more = va_arg(rest, const char *)) {
        size_t length = strlen(more);
        if (length >= size - end) {
            va_end(rest);
            text[start] = 0;
            return errno = ENAMETOOLONG, false;
        }
        memcpy(text + end, more, length + 1);
        end += length;
    }
    va_end(rest);
    return true;
}

void proc_path(char out[static PROC_SIZE], uint32_t pid, const char *name, long number) {
    char digits[NUMBER_SIZE];
    *out = 0;
    append(out, PROC_SIZE, "/proc/", format_number(digits, pid), "/", name, NULL);
    if (number >= 0)
        append(out, PROC_SIZE, "/", format_number(digits, number), NULL);
}

char *descriptor_path(char out[static PROC_SIZE], int fd) {
    char digits[NUMBER_SIZE];
    *out = 0;
    append(out, PROC_SIZE, "/proc/self/fd/", format_number(digits, fd), NULL);
    return out;
}

void close_descriptor(int *fd) {
    int error = errno;
    if (*fd >= 0)
        close(*fd);
    errno = error;
}

int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
