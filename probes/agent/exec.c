#define _GNU_SOURCE
#include "exec.h"

#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "calls.h"
#include "set.h"
#include "stream.h"
#include "tracee.h"

/* Limits of reading, against hostile programs: Linux itself allows 6 MiB of strings (execve(2)). */
enum { ENVIRONMENT_LIMIT = 16384, STRINGS_LIMIT = 512 << 10, CHUNK = 128, BATCH = 64, PREFIX = 3 };

/* Strings that are this close together are read at once: 36 of them take 2 us, and 16 us one by one. */
enum { SPAN = 32 << 10 };

static char strings[STRINGS_LIMIT];
static size_t used;

static void add_string(uint32_t pid, uint64_t address) {
    size_t start = used;
    while (used < STRINGS_LIMIT) {
        size_t want = STRINGS_LIMIT - used < PATH_LIMIT ? STRINGS_LIMIT - used : PATH_LIMIT;
        ssize_t got = tracee_read(pid, address + (used - start), strings + used, want);
        char *end = got > 0 ? memchr(strings + used, 0, got) : NULL;
        if (end) {
            used = end + 1 - strings;
            return;
        }
        if (got <= 0)
            break;
        used += got;
    }
    used = start;
}

/* Reads all memory from the beginning of the first string to that of the last. Returns false if it is large
 * or has a gap. */
static bool read_span(uint32_t pid, const uint64_t *pointers, size_t count, char (*starts)[PREFIX]) {
    static char span[SPAN];
    uint64_t low = pointers[0], high = low;
    for (size_t i = 1; i < count; i++) {
        low = pointers[i] < low ? pointers[i] : low;
        high = pointers[i] > high ? pointers[i] : high;
    }
    size_t size = high - low + PREFIX;
    if (count < 2 || high - low > SPAN - PREFIX || tracee_read(pid, low, span, size) != (ssize_t)size)
        return false;
    for (size_t i = 0; i < count; i++)
        memcpy(starts[i], span + (pointers[i] - low), PREFIX);
    return true;
}

/* Reads the first bytes of as many strings as one call can read, and returns their number. */
static size_t read_starts(uint32_t pid, const uint64_t *pointers, size_t count, char (*starts)[PREFIX]) {
    if (read_span(pid, pointers, count, starts))
        return count;
    struct iovec local = {starts, count * PREFIX}, remote[BATCH];
    for (size_t i = 0; i < count; i++)
        remote[i] = (struct iovec){(void *)(uintptr_t)pointers[i], PREFIX};
    ssize_t got = process_vm_readv(pid, &local, 1, remote, count, 0);
    return got > 0 ? got / PREFIX : tracee_read(pid, pointers[0], starts, PREFIX) == PREFIX;
}

static void add_loader_variables(uint32_t pid, const uint64_t *pointers, size_t count) {
    char starts[BATCH][PREFIX];
    for (size_t done = 0; done < count;) {
        size_t want = count - done < BATCH ? count - done : BATCH;
        size_t have = read_starts(pid, pointers + done, want, starts);
        for (size_t i = 0; i < have; i++)
            if (!memcmp(starts[i], "LD_", PREFIX))
                add_string(pid, pointers[done + i]);
        done += have ? have : 1; /* it is shorter, or there is none */
    }
}

/* Collects the LD_* strings of an environment whose pointers have `width` bytes. */
static void read_environment(uint32_t pid, uint64_t address, size_t width) {
    unsigned char raw[CHUNK * 8];
    used = 0;
    for (size_t done = 0; done < ENVIRONMENT_LIMIT; done += CHUNK) {
        uint64_t pointers[CHUNK];
        ssize_t got = tracee_read(pid, address + done * width, raw, CHUNK * width);
        size_t count = 0, whole = got > 0 ? got / width : 0;
        for (; count < whole; count++) {
            pointers[count] = 0;
            memcpy(&pointers[count], raw + count * width, width);
            if (!pointers[count])
                break;
        }
        add_loader_variables(pid, pointers, count);
        if (count < CHUNK)
            return;
    }
}

void exec_record(const struct asked *asked, uint32_t pid, uint32_t program, uint64_t environment,
                 const struct seccomp_notif *notification) {
    static struct set seen;
    bool narrow = notification->data.arch != arch_audit(NATIVE_ARCH) || notification->data.nr & X32_BIT;
    if (environment)
        read_environment(pid, environment, narrow ? 4 : 8);
    else
        used = 0;
    struct fingerprint path = fingerprint(asked->path, asked->size, asked->root, 0);
    struct fingerprint member = fingerprint(strings, used, path.low, path.high);
    if (set_has(&seen, member))
        return;
    struct found found;
    path_find(&found, asked, pid, false);
    if (!found.present)
        return;
    set_add(&seen, member);
    const char *root = root_name(asked->root);
    record_begin('E');
    record_u32(pid);
    record_u32(program);
    char whole[3 * PATH_LIMIT + 2];
    size_t length = strlen(root);
    memcpy(whole, root, length);
    memcpy(whole + length, asked->path, asked->size);
    record_string(whole, length + asked->size);
    for (size_t at = 0; at < used; at += strlen(strings + at) + 1)
        record_text(strings + at);
    record_end();
}
