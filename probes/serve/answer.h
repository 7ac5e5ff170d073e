/* Requests and answers of `probe serve`, both buffered: answers are written when there are many, or when no
 * request is waiting. If writing fails, the process ends with a message. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads a request. Returns false at the end of the input. All answers are written before we wait for more
 * requests. */
bool request_read(void *bytes, size_t size);

void answer_begin(void);
void answer_u8(uint8_t value);
void answer_u32(uint32_t value);
void answer_u64(uint64_t value);
void answer_bytes(const void *bytes, size_t size);
size_t answer_reserve_u32(void);
void answer_fill_u32(size_t at, uint32_t value);

/* Ends the answer with this part of the file, which is closed. */
void answer_file(int fd, off_t offset, uint64_t size);

/* Ends the answer; with an errno, the answer has nothing else. */
void answer_end(int error);

void answer_flush(void);

#endif
