/* `probe ebpf`: records the requests of processes, which programs in the kernel report. It runs on the host
 * and writes events (protocol.h, part 1). On its standard input it reads lines: `h PID LISTENER` takes a
 * process that `probe init` holds, and lets it continue; `r PID LISTENER` takes a running one; `c` requests
 * the counters; at the end of the input it ends.
 *
 * It traces the process's control group, with all processes that enter it, if that is not our own group; else
 * the process with all its children. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "calls.h"
#include "event.h"
#include "load.h"
#include "main.h"
#include "maps.h"
#include "protocol.h"
#include "requests.h"
#include "ring.h"
#include "tracee.h"
#include "util.h"

/* Milliseconds. */
enum { BUSY = 4, IDLE = 20, COUNTERS_EVERY = 100 };
enum { PATIENT = 10 };         /* a nice value */
enum { IO_URING_ENTER = 426 }; /* on every architecture */

static struct settings settings;
static bool root_is_open;

/* ---- what is taken ----------------------------------------------------------------------------------- */

/* Reads a small file of a process and adds a NUL. Returns its size, or -1 with errno. */
static ssize_t read_proc(uint32_t pid, const char *name, char *text, size_t room) {
    char path[64];
    proc_path(path, pid, name, -1);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t have = 0;
    ssize_t got;
    while (have < room - 1 && (got = read(fd, text + have, room - 1 - have)) > 0)
        have += got;
    text[have] = 0;
    return have;
}

/* Reads the path of a process in the unified hierarchy of control groups; returns false if it has none. */
static bool group_path(uint32_t pid, char path[PATH_LIMIT]) {
    char text[8192];
    if (read_proc(pid, "cgroup", text, sizeof text) < 0)
        return false;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        if (!strncmp(line, "0::/", 4)) {
            *path = 0;
            return append(path, PATH_LIMIT, line + 3, NULL) && strcmp(path, "/") != 0 &&
                   strncmp(path, "/..", 3) != 0;
        }
    }
    return false;
}

/* The mount point of the unified hierarchy (proc_pid_mountinfo(5)). */
static bool hierarchy(char point[PATH_LIMIT]) {
    static char text[1 << 20];
    if (read_proc(getpid(), "mountinfo", text, sizeof text) < 0)
        return false;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        char *type = strstr(line, " - "), *field = line;
        for (int i = 0; field && i < 4; i++)
            field = (field = strchr(field, ' ')) ? field + 1 : NULL;
        if (!type || !field || strncmp(type, " - cgroup2 ", 11) != 0)
            continue;
        size_t size = strcspn(field, " ");
        if (size >= PATH_LIMIT)
            continue;
        memcpy(point, field, size);
        point[size] = 0;
        return true;
    }
    return false;
}

/* Returns the number of the process's control group if it is not ours; else 0. */
static uint64_t group_of(uint32_t pid) {
    static char theirs[PATH_LIMIT], ours[PATH_LIMIT], path[2 * PATH_LIMIT];
    struct stat status;
    if (!group_path(pid, theirs) || (group_path(getpid(), ours) && !strcmp(ours, theirs)) || !hierarchy(path))
        return 0;
    return append(path, sizeof path, theirs, NULL) && stat(path, &status) == 0 ? status.st_ino : 0;
}

/* Marks all threads of a process, and repeats this until there is no new one. */
static void mark_threads(uint32_t pid) {
    char path[64];
    proc_path(path, pid, "task", -1);
    for (bool more = true; more;) {
        more = false;
        DIR *directory = opendir(path);
        if (!directory)
            return;
        for (struct dirent *entry; (entry = readdir(directory));) {
            uint64_t tid;
            uint32_t key, value = 0;
            if (!parse_number(entry->d_name, 10, INT32_MAX, &tid))
                continue;
            key = tid;
            if (map_lookup(MAP_FIRST, &key, &value) == 0)
                continue;
            if (map_update(MAP_FIRST, &key, &value) < 0)
                die_errno(EXIT_PROBE, "ebpf: cannot mark a thread");
            more = true;
        }
        closedir(directory);
    }
}

/* The processes that were released and have not yet executed their command. */
enum { WAITING = 256 };
static struct { uint32_t pid, listener; } waiting[WAITING];
static unsigned waiting_count;

static void write_started(uint32_t listener) {
    record_begin('S');
    record_u32(listener);
    record_u32(0);
    record_text("");
    record_end();
}

static void look_whether_started(uint32_t pid) {
    for (unsigned i = 0; i < waiting_count; i++)
        if (waiting[i].pid == pid) {
            write_started(waiting[i].listener);
            waiting[i] = waiting[--waiting_count];
            return;
        }
}

static void take(uint32_t pid, uint32_t listener, bool held) {
    static char program[PATH_LIMIT];
    char path[64];
    if (!root_is_open) {
        proc_path(path, pid, "root", -1);
        int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) {
            complain("ebpf: a process is gone", NULL);
            return;
        }
        requests_open(root);
        root_is_open = true;
    }
    if (held && !*program && tracee_link(pid, "exe", -1, program) > 0)
        requests_ignore(program);
    uint64_t group = group_of(pid);
    if (group && (!settings.cgroup || settings.cgroup == group)) {
        settings.cgroup = group;
    } else {
        settings.marked = true;
        mark_threads(pid);
    }
    uint32_t zero = 0;
    if (map_update(MAP_SETTINGS, &zero, &settings) < 0)
        die_errno(EXIT_PROBE, "ebpf: cannot set the processes to trace");
    if (!held) {
        write_started(listener);
        return;
    }
    if (waiting_count == WAITING)
        die(EXIT_PROBE, "ebpf: too many processes wait");
    waiting[waiting_count].pid = pid;
    waiting[waiting_count++].listener = listener;
    kill(pid, SIGUSR1);
}

/* Writes the reported events. Returns whether there were any. */
static bool drain(void) {
    static char text[SCRATCH_ROOM];
    struct event event;
    bool some = false;
    for (; ring_next(&event, text); some = true) {
        requests_add(&event, text);
        if (event.type == EVENT_EXEC)
            look_whether_started(event.pid);
    }
    return some;
}

/* ---- counters ---------------------------------------------------------------------------------------- */

static uint64_t counted(uint32_t which) {
    static uint64_t *values;
    int processors = get_nprocs_conf();
    uint64_t sum = 0;
    if (!values && !(values = calloc(processors + 1024, sizeof *values)))
        die(EXIT_PROBE, "ebpf: out of memory");
    if (map_lookup(MAP_COUNTERS, &which, values) < 0)
        die_errno(EXIT_PROBE, "ebpf: cannot read the counters");
    for (int i = 0; i < processors + 1024; i++)
        sum += values[i];
    return sum;
}

static struct counters written;

/* The counters are read before the ring, which then has all counted events. Lost calls count only in
 * `received`. At the end nothing may be missing. */
static void write_counters(bool final, bool always) {
    if (counted(COUNT_URING))
        die(EXIT_PROBE, "ebpf: a program names files through io_uring, and no probe sees which");
    uint64_t lost = counted(COUNT_LOST) + load_misses();
    uint64_t repeated = counted(COUNT_REPEATED), ignored = counted(COUNT_IGNORED),
             calls = counted(COUNT_TOLD);
    ring_catch_up();
    drain();
    if (final) {
        requests_end();
        lost += calls > request_counts.calls ? calls - request_counts.calls : 0;
    }
    struct counters counters = {.recorded = request_counts.recorded,
                                .unresolved = request_counts.unresolved,
                                .repeated = request_counts.repeated + repeated,
                                .ignored = ignored};
    counters.received = counters.recorded + counters.unresolved + counters.repeated + ignored + lost;
    if (!always && !memcmp(&counters, &written, sizeof counters))
        return;
    record_counters(&counters);
    requests_set_received(counters.received);
    written = counters;
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

static void set_rules(bool follows_uring) {
    static struct rule rules[CALL_RULES];
    for (size_t i = 0; i < calls_count; i++) {
        const struct call *call = &calls[i];
        struct rule rule = {.kind = 1 + call->kind};
        for (int j = 0; j < 2; j++) {
            const struct call_name *name = &call->name[j];
            rule.name[j] = (struct rule_name){.access = name->access,
                                              .dirfd = name->dirfd,
                                              .path = name->path,
                                              .nofollow = name->nofollow,
                                              .flags = name->flags,
                                              .toggle = name->toggle};
        }
        int16_t numbers[2] = {call->number[NATIVE_ARCH], call->number[COMPAT_ARCH]};
        for (uint32_t j = 0; call->kind < CALL_FILTER && j < 2; j++)
            if (numbers[j] >= 0)
                rules[numbers[j] + j * CALL_NUMBERS] = rule;
    }
    if (!follows_uring)
        rules[IO_URING_ENTER].kind = rules[IO_URING_ENTER + CALL_NUMBERS].kind = RULE_URING;
    for (uint32_t i = 0; i < CALL_RULES; i++) {
        rules[i].is_traced = rules[i].kind || (i < CALL_NUMBERS && rules[i + CALL_NUMBERS].kind);
        if (rules[i].is_traced && map_update(MAP_RULES, &i, &rules[i]) < 0)
            die_errno(EXIT_PROBE, "ebpf: cannot set the calls to trace");
    }
}

static void order(char *line) {
    uint64_t pid, listener;
    char *second = strchr(line, ' ') ? strchr(strchr(line, ' ') + 1, ' ') : NULL;
    if (second)
        *second++ = 0;
    if (!strcmp(line, "c"))
        write_counters(false, true);
    else if ((*line == 'h' || *line == 'r') && second && parse_number(line + 2, 10, INT32_MAX, &pid) &&
             parse_number(second, 10, INT32_MAX, &listener))
        take(pid, listener, *line == 'h');
    else
        die(EXIT_USAGE, "ebpf: invalid order: ", line);
}

/* Returns whether standard input is still open. */
static bool hear(void) {
    static char text[4096];
    static size_t have;
    ssize_t got = read(0, text + have, sizeof text - 1 - have);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    text[have += got] = 0;
    char *line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        order(line);
    }
    have -= line - text;
    memmove(text, line, have + 1);
    return got > 0;
}

int ebpf_main(char **argv) {
    if (*argv)
        die(EXIT_USAGE, "usage: probe ebpf");
    stream_open();
    set_rules(load());
    ring_open();
    /* The target goes first: the ring has room for what it reports meanwhile. */
    setpriority(PRIO_PROCESS, 0, PATIENT);
    record_begin('H');
    record_u32(PROTOCOL_VERSION);
    record_u32(0);
    record_end();
    int64_t next_counters = 0;
    bool busy = true;
    for (bool open = true; open;) {
        struct pollfd entry = {0, POLLIN, 0};
        if (poll(&entry, 1, busy ? BUSY : IDLE) > 0)
            open = hear();
        busy = drain();
        int64_t now = milliseconds();
        if (now >= next_counters) {
            write_counters(false, false);
            stream_flush(); /* not more often: the reader takes processor time from the target */
            next_counters = now + COUNTERS_EVERY;
        }
    }
    write_counters(true, true);
    stream_flush();
    return 0;
}
