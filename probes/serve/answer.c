#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "util.h"

enum { HEADER = 12, ENOUGH = 256 << 10, SMALL = 64 << 10 };

static char *buffer;
static size_t used, room, start;
static int file = -1;
static off_t file_offset;
static uint64_t file_size;

bool request_read(void *bytes, size_t size) {
    static char input[65536];
    static size_t at, have;
    for (char *out = bytes; size;) {
        if (at == have) {
            answer_flush();
            ssize_t got = read(0, input, sizeof input);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return false;
            at = 0;
            have = got;
        }
        size_t count = have - at < size ? have - at : size;
        memcpy(out, input + at, count);
        out += count;
        at += count;
        size -= count;
    }
    return true;
}

static void make_room(size_t size) {
    if (room - used >= size)
        return;
    while (room - used < size)
        room = room ? room * 2 : 2 * ENOUGH;
    buffer = realloc(buffer, room);
    if (!buffer)
        die(EXIT_PROBE, "serve: out of memory");
}

void answer_bytes(const void *bytes, size_t size) {
    make_room(size);
    memcpy(buffer + used, bytes, size);
    used += size;
}

void answer_u8(uint8_t value) { answer_bytes(&value, 1); }
void answer_u32(uint32_t value) { answer_bytes(&value, 4); }
void answer_u64(uint64_t value) { answer_bytes(&value, 8); }

size_t answer_reserve_u32(void) {
    answer_u32(0);
    return used - 4 - start;
}

void answer_fill_u32(size_t at, uint32_t value) { memcpy(buffer + start + at, &value, 4); }

void answer_begin(void) {
    start = used;
    make_room(HEADER);
    used += HEADER;
}

void answer_file(int fd, off_t offset, uint64_t size) {
    file = fd;
    file_offset = offset;
    file_size = size;
}

void answer_flush(void) {
    if (!write_all(1, buffer, used))
        die_errno(EXIT_PROBE, "serve: cannot write answers");
    used = 0;
}

/* The size was already sent: a file that has shrunk since is padded. */
static void pad(uint64_t size) {
    static const char zeros[4096];
    for (; size; size -= size < sizeof zeros ? size : sizeof zeros)
        if (!write_all(1, zeros, size < sizeof zeros ? size : sizeof zeros))
            die_errno(EXIT_PROBE, "serve: cannot write answers");
}

static void copy_small(void) {
    make_room(file_size);
    size_t done = 0;
    while (done < file_size) {
        ssize_t got = pread(file, buffer + used + done, file_size - done, file_offset + done);
        if (got < 0 && errno != EINTR)
            die_errno(EXIT_PROBE, "serve: cannot read a file");
        if (got == 0)
            memset(buffer + used + done, 0, file_size - done);
        done = got ? done + (got > 0 ? got : 0) : file_size;
    }
    used += file_size;
}

static void send_large(void) {
    answer_flush();
    uint64_t left = file_size;
    while (left) {
        ssize_t sent = sendfile(1, file, &file_offset, left < 1 << 30 ? left : 1 << 30);
        if (sent == 0)
            break;
        if (sent > 0)
            left -= sent;
        else if (errno != EINTR && errno != EAGAIN)
            die_errno(EXIT_PROBE, "serve: cannot send a file");
    }
    pad(left);
}

void answer_end(int error) {
    uint32_t code = error;
    uint64_t size = used - start - HEADER;
    if (error)
        size = 0, used = start + HEADER;
    else if (file >= 0)
        size += file_size;
    memcpy(buffer + start, &code, 4);
    memcpy(buffer + start + 4, &size, 8);
    if (file >= 0) {
        if (!error && file_size <= SMALL)
            copy_small();
        else if (!error)
            send_large();
        close(file);
        file = -1;
    }
    if (used >= ENOUGH)
        answer_flush();
}
