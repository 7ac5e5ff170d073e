#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* The largest record is an exec's: LD_* strings of up to 128 KiB each (MAX_ARG_STRLEN), cut by exec.c. */
static char buffer[1 << 20];
static size_t size;

void stream_open(void) {
    signal(SIGPIPE, SIG_IGN);
    fcntl(1, F_SETPIPE_SZ, 1 << 20); /* a socket or file does without */
}

static void put(const void *bytes, size_t count) {
    if (count > sizeof buffer - size)
        fail(EXIT_PROBE, "agent: a record is too large");
    memcpy(buffer + size, bytes, count);
    size += count;
}

void record_begin(char type) {
    size = 4;
    put(&type, 1);
}

void record_u8(uint8_t value) { put(&value, 1); }
void record_u16(uint16_t value) { put(&value, 2); }
void record_u32(uint32_t value) { put(&value, 4); }
void record_u64(uint64_t value) { put(&value, 8); }

void record_string(const char *text, size_t count) {
    put(text, count);
    record_u8(0);
}

void record_text(const char *text) { record_string(text, strlen(text)); }

void record_end(void) {
    memcpy(buffer, &(uint32_t){size - 4}, 4);
    if (!write_all(1, buffer, size))
        fail(EXIT_PROBE, "agent: cannot write events: ", strerror(errno));
}

void record_counters(const struct counters *counters) {
    record_begin('C');
    record_u64(counters->received);
    record_u64(counters->recorded);
    record_u64(counters->repeated);
    record_u64(counters->unresolved);
    record_u64(counters->ignored);
    record_end();
}
