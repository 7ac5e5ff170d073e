#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol.h"
#include "util.h"

/* The largest record is an exec's: LD_* strings of up to 128 KiB each (MAX_ARG_STRLEN), cut by exec.c. */
static char buffer[1 << 20];
static size_t size;

enum { ROOM = 256 << 10, ENOUGH = 32 << 10 };

static struct journal {
    char magic[8];
    uint64_t written; /* bytes of the stream that have been written to standard output */
    uint64_t waiting; /* bytes that follow them, here */
    char bytes[ROOM];
} * journal;

void stream_open(void) {
    signal(SIGPIPE, SIG_IGN);
    fcntl(1, F_SETPIPE_SZ, 1 << 20); /* a socket or file does without */
}

static bool make_room(int fd) {
    static const char zeros[4096];
    if (posix_fallocate(fd, 0, sizeof *journal) == 0)
        return true;
    for (size_t left = sizeof *journal; left; left -= left < sizeof zeros ? left : sizeof zeros)
        if (!write_all(fd, zeros, left < sizeof zeros ? left : sizeof zeros))
            return false;
    return true;
}

static void start_journal(void *memory) {
    journal = memory;
    memcpy(journal->magic, JOURNAL_MAGIC, sizeof journal->magic);
}

bool stream_journal(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    /* All of its room is taken now: a disk that is full later must not end us by SIGBUS. */
    void *memory =
        make_room(fd) ? mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (memory == MAP_FAILED)
        return false;
    start_journal(memory);
    return true;
}

void stream_buffer(void) {
    static struct journal memory;
    start_journal(&memory);
}

static void write_out(const void *bytes, size_t count) {
    if (!write_all(1, bytes, count))
        fail(EXIT_PROBE, "agent: cannot write events: ", strerror(errno));
}

/* Whoever reads the journal after a kill finds it true at any moment: what waits is counted when it is there,
 * and no longer before it counts as written. */
static void set(uint64_t *number, uint64_t value) { __atomic_store_n(number, value, __ATOMIC_SEQ_CST); }

bool stream_waits(void) { return journal && journal->waiting; }

void stream_flush(void) {
    if (!stream_waits())
        return;
    uint64_t count = journal->waiting;
    write_out(journal->bytes, count);
    set(&journal->waiting, 0);
    set(&journal->written, journal->written + count);
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

/* Those that somebody may wait for. */
static bool is_urgent(char type) { return strchr("APEU", type) == NULL; }

void record_end(void) {
    memcpy(buffer, &(uint32_t){size - 4}, 4);
    if (!journal) {
        write_out(buffer, size);
        return;
    }
    if (size > ROOM - journal->waiting)
        stream_flush();
    if (size > ROOM) {
        write_out(buffer, size);
        set(&journal->written, journal->written + size);
        return;
    }
    memcpy(journal->bytes + journal->waiting, buffer, size);
    set(&journal->waiting, journal->waiting + size);
    if (journal->waiting >= ENOUGH || is_urgent(buffer[4]))
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
