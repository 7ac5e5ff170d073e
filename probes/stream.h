/* The event stream on standard output (protocol.h, part 1). One record at a time is built in a buffer.
 * Records wait there, at most as long as protocol.h says, to be written together. If writing fails, the
 * process ends with a message. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters {
    uint64_t received, recorded, repeated, unresolved, ignored;
};

/* Ignores SIGPIPE and, where standard output is a pipe, makes it large. */
void stream_open(void);

/* Writes the waiting records. */
void stream_flush(void);
bool stream_waits(void);

void record_begin(char type);
void record_u8(uint8_t value);
void record_u16(uint16_t value);
void record_u32(uint32_t value);
void record_u64(uint64_t value);
void record_string(const char *text, size_t size); /* without a NUL; one is added */
void record_text(const char *text);
void record_end(void);

void record_counters(const struct counters *counters);

#endif
