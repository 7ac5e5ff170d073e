/* `probe fanotify PID`: reports the files opened in the file systems of that process, by any process. It runs
 * on the host, writes events (protocol.h, part 1), and has an unlimited queue: if the kernel drops an event,
 * it ends with an error. A byte 'c' on standard input requests the counters; at the end of the input it
 * writes all pending events and ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main.h"
#include "names.h"
#include "protocol.h"
#include "set.h"
#include "stream.h"
#include "tracee.h"
#include "util.h"

enum { EVENTS = FAN_OPEN | FAN_OPEN_EXEC | FAN_ONDIR, FLUSH_EVERY = 20, COUNTERS_EVERY = 100 };

static struct counters counters, written;
static struct set seen;

/* ---- marks ------------------------------------------------------------------------------------------- */

/* File systems whose files belong to no image. */
static bool is_pseudo(const char *type) {
    static const char *const types[] = {"proc",    "sysfs",     "tmpfs",    "devpts",      "mqueue",
                                        "cgroup",  "cgroup2",   "devtmpfs", "debugfs",     "securityfs",
                                        "tracefs", "bpf",       "fusectl",  "binfmt_misc", "nsfs",
                                        "ramfs",   "hugetlbfs", "configfs"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(type, types[i]))
            return true;
    return false;
}

/* Files that are mounted over those of /etc belong to the runtime. */
static bool is_file(const char *point) { return !strncmp(point, "/etc/", 5); }

static void mark(int group, uint32_t pid, const char *point, const char *type) {
    char path[PATH_LIMIT + 64];
    proc_path(path, pid, "root", -1);
    if (!append(path, sizeof path, point, NULL))
        return;
    bool root = !strcmp(point, "/");
    /* A layered file system belongs to this container alone: its mark applies in new mount name spaces,
     * too. */
    if (root && !strcmp(type, "overlay") &&
        fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, EVENTS, AT_FDCWD, path) == 0)
        return;
    if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, EVENTS, AT_FDCWD, path) < 0 && root)
        die_errno(EXIT_PROBE, "fanotify: cannot mark the root of the process");
}

/* Returns the nth field of a line of mountinfo (proc_pid_mountinfo(5)), which is cut there; NULL if it has
 * fewer. */
static char *field(char *line, int number) {
    for (; line && number; number--)
        line = (line = strchr(line, ' ')) ? line + 1 : NULL;
    return line;
}

static void mark_line(int group, uint32_t pid, char *line) {
    char *point = field(line, 4), *rest = strstr(line, " - ");
    char *type = rest ? rest + 3 : NULL, *end = point ? strchr(point, ' ') : NULL;
    if (!type || !end)
        return;
    *end = 0;
    if ((end = strchr(type, ' ')))
        *end = 0;
    unescape(point);
    if (!is_pseudo(type) && !is_file(point))
        mark(group, pid, point, type);
}

static void mark_mounts(int group, uint32_t pid) {
    static char text[1 << 20];
    char path[64];
    proc_path(path, pid, "mountinfo", -1);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    ssize_t got = fd < 0 ? -1 : 0;
    while (fd >= 0 && have < sizeof text - 1 && (got = read(fd, text + have, sizeof text - 1 - have)) > 0)
        have += got;
    if (fd < 0 || got < 0 || !have)
        die_errno(EXIT_PROBE, "fanotify: cannot read ", path);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        mark_line(group, pid, line);
    }
}

/* ---- events ------------------------------------------------------------------------------------------ */

static void record(uint8_t access, uint32_t pid, uint32_t program, const char *path, size_t size) {
    struct fingerprint member = fingerprint(path, size, access | (uint64_t)program << 32, 0);
    if (!set_add(&seen, member)) {
        counters.repeated++;
        return;
    }
    counters.recorded++;
    record_begin('A');
    record_u8(access);
    record_u8(FLAG_PRESENT);
    record_u32(pid);
    record_u32(program);
    record_u64(counters.received);
    record_string(path, size);
    record_text("");
    record_text("");
    record_end();
    if (access != ACCESS_EXEC)
        return;
    record_begin('E');
    record_u32(pid);
    record_u32(program);
    record_string(path, size);
    record_end();
}

static void unresolved(uint32_t pid, int error) {
    counters.received++;
    counters.unresolved++;
    record_begin('U');
    record_u8(ACCESS_READ);
    record_u32(pid);
    record_u32(0);
    record_u32(error);
    record_text(strerror(error));
    record_end();
}

/* The kernel adds " (deleted)" to the name of a deleted file. */
static size_t without_mark(int fd, char *path, size_t size) {
    static const char suffix[] = " (deleted)";
    size_t length = sizeof suffix - 1;
    struct stat status;
    bool marked = size > length && !memcmp(path + size - length, suffix, length);
    if (marked && fstat(fd, &status) == 0 && status.st_nlink == 0)
        path[size -= length] = 0;
    return size;
}

static void event(const struct fanotify_event_metadata *metadata) {
    if (metadata->mask & FAN_Q_OVERFLOW)
        die(EXIT_PROBE, "fanotify: the kernel dropped events");
    char path[PATH_LIMIT];
    ssize_t size = tracee_link(getpid(), "fd", metadata->fd, path);
    int error = errno;
    if (size >= 0)
        size = without_mark(metadata->fd, path, size);
    close(metadata->fd);
    uint32_t pid = metadata->pid;
    if (size < 0) {
        unresolved(pid, error);
        return;
    }
    counters.received++;
    uint32_t program = tracee_program(pid);
    static const char ours[] = "/.tracewhale";
    if (!strncmp(path, ours, sizeof ours - 1)) {
        counters.ignored++;
        return;
    }
    uint8_t access = metadata->mask & FAN_OPEN_EXEC ? ACCESS_EXEC
                     : metadata->mask & FAN_ONDIR   ? ACCESS_LIST
                                                    : ACCESS_READ;
    if (access == ACCESS_EXEC)
        tracee_forget(pid);
    record(access, pid, program, path, size);
}

static void read_events(int group) {
    static union {
        struct fanotify_event_metadata first;
        char bytes[64 << 10];
    } buffer;
    for (;;) {
        ssize_t size = read(group, &buffer, sizeof buffer);
        if (size < 0 && errno == EAGAIN)
            return;
        if (size < 0 && errno != EINTR)
            unresolved(0, errno); /* we cannot open it: it is a device, or was removed */
        const struct fanotify_event_metadata *metadata = &buffer.first;
        for (; size > 0 && FAN_EVENT_OK(metadata, size); metadata = FAN_EVENT_NEXT(metadata, size))
            event(metadata);
    }
}

static void write_counters(void) {
    record_counters(&counters);
    written = counters;
}

/* Returns whether standard input is still open. */
static bool hear(int group) {
    char bytes[64];
    ssize_t got = read(0, bytes, sizeof bytes);
    read_events(group);
    if (got > 0)
        write_counters();
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void run(int group) {
    struct pollfd entries[2] = {{0, POLLIN, 0}, {group, POLLIN, 0}};
    int64_t next_counters = 0;
    for (bool open = true; open;) {
        bool waits = stream_waits() || counters.received != written.received;
        poll(entries, 2, waits ? FLUSH_EVERY : -1);
        read_events(group);
        if (entries[0].revents)
            open = hear(group);
        int64_t now = milliseconds();
        if (counters.received != written.received && now >= next_counters) {
            write_counters();
            next_counters = now + COUNTERS_EVERY;
        }
        stream_flush();
    }
    write_counters();
    stream_flush();
}

int fanotify_main(char **argv) {
    uint64_t pid;
    if (!argv[0] || argv[1] || !parse_number(argv[0], 10, INT32_MAX, &pid))
        die(EXIT_USAGE, "usage: probe fanotify PID");
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS | FAN_CLOEXEC |
                                  FAN_NONBLOCK,
                              O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    if (group < 0)
        die_errno(EXIT_PROBE, "fanotify: cannot make a notification group");
    stream_open();
    mark_mounts(group, pid);
    record_begin('H');
    record_u32(PROTOCOL_VERSION);
    record_u32(0);
    record_end();
    run(group);
    return 0;
}
