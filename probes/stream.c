#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "protocol.h"
#include "util.h"

/* The largest record is an exec's: LD_* strings of up to 128 KiB each (MAX_ARG_STRLEN), cut by exec.c. */
static char buffer[1 << 20];
static size_t size;

enum { ROOM = 256 << 10, ENOUGH = 32 << 10 };

static char waiting[ROOM];
static size_t waits;

void stream_open(void) {
    signal(SIGPIPE, SIG_IGN);
    fcntl(1, F_SETPIPE_SZ, 1 << 20); /* a socket or file does not need it */
}

static void write_out(const void *bytes, size_t count) {
    if (!write_all(1, bytes, count))
        die_errno(EXIT_PROBE, "agent: cannot write events");
}

bool stream_waits(void) { return waits; }

void stream_flush(void) {
    write_out(waiting, waits);
    waits = 0;
}

static void put(const void *bytes, size_t count) {
    if (count > sizeof buffer - size)
        die(EXIT_PROBE, "agent: a record is too large");
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

/* Records for which the reader may be waiting. */
static bool is_urgent(char type) { return strchr("APEUX", type) == NULL; }

void record_end(void) {
    memcpy(buffer, &(uint32_t){size - 4}, 4);
    if (size > ROOM - waits)
        stream_flush();
    if (size > ROOM) {
        write_out(buffer, size);
        return;
    }
    memcpy(waiting + waits, buffer, size);
    waits += size;
    if (waits >= ENOUGH || is_urgent(buffer[4]))
        stream_flush();
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
