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
        return; /* nobody is left to tell */
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

char *format_number(char *out, uint64_t number) {
    char digits[20];
    int count = 0;
    do
        digits[count++] = '0' + number % 10;
    while (number /= 10);
    while (count)
        *out++ = digits[--count];
    *out = 0;
    return out;
}

char *append(char *out, const char *text) {
    size_t size = strlen(text);
    memcpy(out, text, size + 1);
    return out + size;
}

void proc_path(char out[64], uint32_t pid, const char *name, long number) {
    char *end = format_number(append(out, "/proc/"), pid);
    *end++ = '/';
    end = append(end, name);
    if (number >= 0) {
        *end++ = '/';
        format_number(end, number);
    }
}

int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
