#define _GNU_SOURCE
#include "requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interpreter.h"
#include "names.h"
#include "places.h"
#include "protocol.h"
#include "set.h"
#include "table.h"
#include "util.h"

/* A requested name, and its outcomes so far. */
struct request {
    const char *text;
    uint32_t program, directory, root; /* of `strings` */
    uint8_t access, flags;
    uint8_t outcomes; /* enum outcome_bit */
    bool ignored;
};

/* The flags below the number of a directory's string in `numbers`. */
enum { FLAG_BITS = 2, OUTSIDE = 1, LONG = 2 };

static struct table numbers, identifiers; /* of programs and directories; of names */
static struct names strings, programs;
static struct request *requests;
static uint32_t request_count, request_room;
static const char *ignored = "";
static uint64_t received;
struct request_counts request_counts;

void requests_open(int root) {
    bool added;
    places_open(root);
    names_add(&strings, "", 0, &added); /* so that 0 means no directory, or "/" as a root */
}

void requests_ignore(const char *program) { ignored = program; }

void requests_set_received(uint64_t count) { received = count; }

static const char *keep(const char *text, size_t size) {
    enum { CHUNK = 1 << 20 };
    static char *chunk;
    static size_t left;
    if (left < size + 1) {
        left = CHUNK;
        if (!(chunk = malloc(CHUNK)))
            die(EXIT_PROBE, "ebpf: out of memory");
    }
    char *kept = chunk;
    memcpy(kept, text, size);
    kept[size] = 0;
    chunk += size + 1;
    left -= size + 1;
    return kept;
}

/* Returns the number of a string with flags. */
static uint32_t path_number(uint64_t number, enum event_type type) {
    if (!number)
        return 0;
    uint32_t found = table_get(&numbers, (struct identifier){number, type});
    if (found == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    return found;
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static void keep_path(const struct event *event, const char *text) {
    static char path[PATH_LIMIT + 1];
    bool added;
    if (table_get(&numbers, event->id) != TABLE_NONE)
        return;
    memcpy(path, text, event->size);
    path[event->size] = 0;
    if (event->type == EVENT_PROGRAM) {
        uint32_t number = names_add(&programs, path, event->size, &added);
        table_add(&numbers, event->id, number << FLAG_BITS);
        if (!added)
            return;
        record_begin('P');
        record_u32(number);
        record_string(path, event->size);
        record_end();
        return;
    }
    uint32_t number = names_add(&strings, path, event->size, &added);
    uint32_t flags = (event->flags & EVENT_OUTSIDE ? OUTSIDE : 0) | (event->flags & EVENT_LONG ? LONG : 0);
    table_add(&numbers, event->id, number << FLAG_BITS | flags);
}

static void keep_name(const struct event *event, const char *text) {
    if (table_get(&identifiers, event->id) != TABLE_NONE)
        return;
    if (request_count == request_room) {
        request_room = request_room ? request_room * 2 : 1024;
        if (!(requests = realloc(requests, request_room * sizeof *requests)))
            die(EXIT_PROBE, "ebpf: out of memory");
    }
    struct request *request = &requests[request_count];
    uint32_t directory = path_number(event->directory, EVENT_DIRECTORY);
    uint32_t root = path_number(event->root, EVENT_DIRECTORY);
    *request = (struct request){.text = keep(text, event->size),
                                .program = path_number(event->program, EVENT_PROGRAM) >> FLAG_BITS,
                                .directory = directory >> FLAG_BITS,
                                .root = root >> FLAG_BITS,
                                .access = event->access,
                                .flags = event->flags};
    request->flags |=
        (directory & OUTSIDE ? EVENT_OUTSIDE : 0) | ((directory | root) & LONG ? EVENT_LONG : 0);
    request->ignored =
        *ignored &&
        !strcmp(request->access == ACCESS_EXEC ? request->text : names_get(&programs, request->program),
                ignored);
    table_add(&identifiers, event->id, request_count++);
}

enum { PATH_SIZE = 2 * PATH_LIMIT + 2 };

/* Writes the whole path, as seen from the process's root, and returns the root. */
static const char *path_of(const struct request *request, char path[static PATH_SIZE]) {
    const char *root = names_get(&strings, request->root), *text = request->text;
    *path = 0;
    if (!(request->flags & (EVENT_RELATIVE | EVENT_ITSELF))) {
        append(path, PATH_SIZE, text, NULL);
        return root;
    }
    if (request->flags & EVENT_IN_ROOT)
        text += strspn(text, "/");
    const char *directory = names_get(&strings, request->directory);
    if (!(request->flags & EVENT_ITSELF))
        append(path, PATH_SIZE, directory, "/", text, NULL);
    else
        append(path, PATH_SIZE, *directory ? directory : "/", NULL);
    return request->flags & EVENT_OUTSIDE ? "" : root;
}

/* ---- how it ended ------------------------------------------------------------------------------------ */

static bool makes(uint8_t access) {
    return access == ACCESS_MKDIR || access == ACCESS_MKNOD || access == ACCESS_SYMLINK ||
           access == ACCESS_LINK_TO || access == ACCESS_RENAME_TO || access == ACCESS_BIND;
}

static bool takes_away(uint8_t access) { return access == ACCESS_UNLINK || access == ACCESS_RENAME_FROM; }

static void write_access(const struct request *request, uint32_t pid, bool present, const char *path,
                         const char *real, const char *root) {
    record_begin('A');
    record_u8(request->access);
    record_u8((present ? FLAG_PRESENT : 0) | (request->flags & EVENT_NOFOLLOW ? FLAG_NOFOLLOW : 0));
    record_u32(pid);
    record_u32(request->program);
    record_u64(received);
    record_text(path);
    record_text(real);
    record_text(root);
    record_end();
}

/* Evaluates the result of a call: whether its path existed when the call began, and its real path. */
static void write_result(struct request *request, const struct event *event, const char *text) {
    static char path[PATH_SIZE], real[PATH_LIMIT];
    const char *root = path_of(request, path);
    bool nofollow = request->flags & EVENT_NOFOLLOW, present = false;
    *real = 0;
    if (event->access == OUTCOME_DONE && event->size) {
        size_t length = strlen(root);
        present = true;
        append(real, sizeof real, text, NULL);
        if (!strncmp(real, root, length) && !strcmp(real + length, path))
            *real = 0;
    } else if (event->access == OUTCOME_DONE && makes(request->access)) {
        present = false;
    } else if (event->access == OUTCOME_DONE && takes_away(request->access)) {
        present = true;
    } else if (event->access == OUTCOME_DONE && request->flags & EVENT_ITSELF) {
        present = true;
    } else if (event->access & (OUTCOME_DONE | OUTCOME_FAILED)) {
        present = place_find(root, path, nofollow, real) || event->access == OUTCOME_DONE;
    }
    write_access(request, event->pid, present, path, real, root);
}

/* Returns whether it is new. */
static bool result(struct identifier id, const struct event *event, const char *text) {
    if (!id.low && !id.high)
        return false;
    uint32_t index = table_get(&identifiers, id);
    if (index == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    struct request *request = &requests[index];
    if (request->outcomes & event->access || request->ignored)
        return false;
    request->outcomes |= event->access;
    write_result(request, event, text);
    return true;
}

static void unresolved(uint8_t access, uint32_t pid, uint32_t program, int error) {
    received++;
    request_counts.unresolved++;
    record_begin('U');
    record_u8(access);
    record_u32(pid);
    record_u32(program);
    record_u32(error);
    record_text(strerror(error));
    record_end();
}

static void results(const struct event *event, const char *text) {
    uint32_t index = table_get(&identifiers, event->id.low ? event->id : event->second);
    if (index != TABLE_NONE && requests[index].flags & EVENT_LONG) {
        unresolved(requests[index].access, event->pid, requests[index].program, ENAMETOOLONG);
        return;
    }
    received++;
    bool first = result(event->id, event, text), second = result(event->second, event, "");
    if (first || second)
        request_counts.recorded++;
    else
        request_counts.repeated++;
}

void requests_end(void) {
    for (uint32_t i = 0; i < request_count; i++) {
        static const struct event event = {.access = OUTCOME_FAILED};
        if (requests[i].outcomes || requests[i].ignored || requests[i].flags & EVENT_LONG)
            continue;
        received++;
        request_counts.recorded++;
        write_result(&requests[i], &event, "");
    }
}

/* ---- executions -------------------------------------------------------------------------------------- */

/* Records the files that the kernel opens besides; `file` is closed. */
static void interpreters(const struct request *request, uint32_t pid, const char *root, int file) {
    static char name[PATH_LIMIT], real[PATH_LIMIT];
    static struct set seen;
    struct request opened = *request;
    opened.flags = 0;
    bool counted = false;
    for (int depth = 0; file >= 0 && depth < INTERPRETER_DEPTH; depth++) {
        enum interpreter kind = interpreter_of(file, name);
        close(file);
        file = -1;
        if (kind == INTERPRETER_NONE)
            break;
        bool present = place_find(root, name, false, real);
        if (set_add(&seen, fingerprint(name, strlen(name), request->program, request->root))) {
            if (!counted) { /* each is opened by an execution, which counts once more */
                received++;
                request_counts.recorded++;
                counted = true;
            }
            write_access(&opened, pid, present, name, real, root);
        }
        if (kind == INTERPRETER_OF_SCRIPT)
            file = place_open(root, name, false);
    }
    if (file >= 0)
        close(file);
}

static void executed(const struct event *event, const char *variables) {
    static char path[2 * PATH_LIMIT + 2];
    static struct set seen;
    if (!event->id.low && !event->id.high)
        return; /* its name could not be read */
    uint32_t index = table_get(&identifiers, event->id);
    if (index == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    const struct request *request = &requests[index];
    if (request->ignored)
        return;
    if (event->flags & EVENT_LONG)
        unresolved(ACCESS_EXEC, event->pid, request->program, E2BIG);
    const char *root = path_of(request, path);
    struct fingerprint where = fingerprint(path, strlen(path), request->root, 0);
    if (set_add(&seen, fingerprint(variables, event->size, where.low, where.high))) {
        record_begin('E');
        record_u32(event->pid);
        record_u32(request->program);
        char whole[3 * PATH_LIMIT + 2];
        concat(whole, root, path);
        record_text(whole);
        for (size_t at = 0; at < event->size; at += strlen(variables + at) + 1)
            record_text(variables + at);
        record_end();
    }
    /* They are looked up again if the file has changed: a script may have been rewritten. */
    int file = place_open(root, path, request->flags & EVENT_NOFOLLOW);
    if (file >= 0 && !set_add(&seen, file_version(file, where.low, ~(uint64_t)request->program))) {
        close(file);
        return;
    }
    interpreters(request, event->pid, root, file);
}

void requests_add(const struct event *event, const char *text) {
    switch (event->type) {
    case EVENT_PROGRAM:
    case EVENT_DIRECTORY:
        keep_path(event, text);
        break;
    case EVENT_NAME:
        keep_name(event, text);
        break;
    case EVENT_RESULT:
        request_counts.calls++;
        results(event, text);
        break;
    case EVENT_FAULT:
        request_counts.calls++;
        unresolved(event->access, event->pid, path_number(event->program, EVENT_PROGRAM) >> FLAG_BITS,
                   -event->result);
        break;
    case EVENT_EXEC:
        executed(event, text);
        break;
    }
}
