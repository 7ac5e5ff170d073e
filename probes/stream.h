/* The event stream on standard output (protocol.h, part 1). One record at a time is built in a buffer, and is
 * written at once, or safe in the journal (part 3) until a write of many. The process ends, with a message,
 * when it cannot be written. */
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

/* From now on records may wait for others in a file, which is made. False with errno when it cannot be. */
bool stream_journal(const char *path);

/* From now on records may wait in memory: for an agent that nothing kills but what ends the trace too. */
void stream_buffer(void);

/* Writes what waits. */
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
