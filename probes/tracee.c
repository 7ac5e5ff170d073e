#define _GNU_SOURCE
#include "tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "names.h"
#include "stream.h"
#include "util.h"

enum { PAGE = 4096 }; /* the smallest page size: a finer split does no harm */

static ssize_t read_through_proc(uint32_t pid, uint64_t address, void *bytes, size_t size) {
    char name[64];
    proc_path(name, pid, "mem", -1);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = pread(fd, bytes, size, address);
    int error = errno == EIO ? EFAULT : errno;
    close(fd);
    errno = error;
    return got == 0 ? (errno = EFAULT, -1) : got;
}

/* The kernel reads as far as it can, but only in whole iovecs: so one up to the page's end, one beyond. */
ssize_t tracee_read(uint32_t pid, uint64_t address, void *bytes, size_t size) {
    static bool forbidden;
    size_t here = PAGE - address % PAGE;
    if (here > size)
        here = size;
    if (!forbidden) {
        struct iovec local = {bytes, size};
        struct iovec remote[2] = {{(void *)(uintptr_t)address, here},
                                  {(void *)(uintptr_t)(address + here), size - here}};
        ssize_t got = process_vm_readv(pid, &local, 1, remote, here < size ? 2 : 1, 0);
        if (got > 0 || (errno != EPERM && errno != ENOSYS))
            return got == 0 ? (errno = EFAULT, -1) : got;
        forbidden = errno == ENOSYS;
    }
    ssize_t got = read_through_proc(pid, address, bytes, here);
    if (got == (ssize_t)here && here < size) {
        ssize_t more = read_through_proc(pid, address + here, (char *)bytes + here, size - here);
        got += more > 0 ? more : 0;
    }
    return got;
}

/* Most paths are short: a first read that crosses no page is the cheapest that there is. */
enum { FIRST = 128 };

ssize_t tracee_path(uint32_t pid, uint64_t address, char path[PATH_LIMIT]) {
    size_t have = 0, want = PAGE - address % PAGE;
    if (want > FIRST)
        want = FIRST;
    while (have < PATH_LIMIT) {
        ssize_t got = tracee_read(pid, address + have, path + have, want);
        if (got < 0)
            return -1;
        char *end = memchr(path + have, 0, got);
        if (end)
            return end - path;
        have += got;
        want = PATH_LIMIT - have;
    }
    return errno = ENAMETOOLONG, -1;
}

ssize_t tracee_link(uint32_t pid, const char *name, long number, char link[PATH_LIMIT]) {
    char path[64];
    proc_path(path, pid, name, number);
    ssize_t size = readlink(path, link, PATH_LIMIT - 1);
    if (size >= 0)
        link[size] = 0;
    return size;
}

int tracee_open(uint32_t pid, int number) {
    char path[64];
    proc_path(path, pid, "fd", number);
    return open(path, O_PATH | O_CLOEXEC);
}

bool tracee_is_of(uint32_t process, uint32_t tid) {
    return syscall(SYS_tgkill, process, tid, 0) == 0 || errno == EPERM;
}

uint32_t tracee_process(uint32_t tid) {
    static const char field[] = "\nTgid:\t";
    char text[2048], path[64];
    if (tracee_is_of(tid, tid))
        return tid;
    proc_path(path, tid, "status", -1);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = 0;
    const char *at = strstr(text, field);
    uint32_t number = 0;
    for (at = at ? at + sizeof field - 1 : ""; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return number;
}

/* A thread's number may be reused, and a thread other than its group's first may execute a program and take
 * over the first one's number. So an entry is valid for only a second, and a forgotten entry is not filled
 * again before that. */
enum { CACHE = 1024, BELIEVED = 1000 };
static struct {
    uint32_t tid, program;
    bool known;
    int64_t until;
} cache[CACHE];

static uint32_t read_program(uint32_t tid) {
    static struct names programs;
    char path[PATH_LIMIT];
    static const char deleted[] = " (deleted)";
    ssize_t size = tracee_link(tid, "exe", -1, path);
    size_t suffix = sizeof deleted - 1;
    if (size < 0)
        size = 0;
    else if ((size_t)size > suffix && !memcmp(path + size - suffix, deleted, suffix))
        size -= suffix;
    path[size] = 0;
    bool added;
    uint32_t id = names_add(&programs, path, size, &added);
    if (added) {
        record_begin('P');
        record_u32(id);
        record_string(path, size);
        record_end();
    }
    return id;
}

uint32_t tracee_program(uint32_t tid) {
    int64_t now = milliseconds();
    typeof(*cache) *entry = &cache[tid % CACHE];
    bool valid = entry->tid == tid && now < entry->until;
    if (valid && entry->known)
        return entry->program;
    uint32_t program = read_program(tid);
    if (!valid) {
        entry->tid = tid;
        entry->program = program;
        entry->known = true;
        entry->until = now + BELIEVED;
    }
    return program;
}

void tracee_forget(uint32_t tid) {
    uint32_t group = tracee_process(tid);
    if (!group)
        for (unsigned i = 0; i < CACHE; i++)
            cache[i].until = 0;
    else if (cache[tid % CACHE].tid == tid)
        cache[tid % CACHE].until = 0;
    if (group && group != tid) {
        typeof(*cache) *entry = &cache[group % CACHE];
        entry->tid = group;
        entry->known = false;
        entry->until = milliseconds() + BELIEVED;
    }
}
