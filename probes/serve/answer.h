/* Requests and answers of `probe serve`, both buffered: answers are written when they are many, or when no
 * request is waiting. The process ends, with a message, when they cannot be. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* False at the end of the input. The client gets all answers before we wait for more requests. */
bool request_read(void *bytes, size_t size);

void answer_begin(void);
void answer_u8(uint8_t value);
void answer_u32(uint32_t value);
void answer_u64(uint64_t value);
void answer_bytes(const void *bytes, size_t size);
size_t answer_reserve_u32(void);
void answer_fill_u32(size_t at, uint32_t value);

/* The answer ends with this part of the file, which is closed. */
void answer_file(int fd, off_t offset, uint64_t size);

/* With an errno the answer consists of only that. */
void answer_end(int error);

void answer_flush(void);

#endif
