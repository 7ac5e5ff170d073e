#define _GNU_SOURCE
#include "told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interpreter.h"
#include "names.h"
#include "places.h"
#include "protocol.h"
#include "set.h"
#include "table.h"
#include "util.h"

/* A name that has been asked for, and how that ended so far. */
struct named {
    const char *text;
    uint32_t program, directory, root; /* of `strings` */
    uint8_t access, flags;
    uint8_t outcomes; /* enum outcome_bit */
    bool ignored;
};

/* Below the number of a directory's string in `numbers`. */
enum { FLAG_BITS = 2, OUTSIDE = 1, LONG = 2 };

static struct table numbers, identifiers; /* of programs and directories; of names */
static struct names strings, programs;
static struct named *named;
static uint32_t named_count, named_room;
static const char *ignored = "";
static uint64_t received;
struct told_counts told_counts;

void told_open(int root) {
    bool added;
    places_open(root);
    names_add(&strings, "", 0, &added); /* so that 0 is no directory, and "/" as a root */
}

void told_ignore(const char *program) { ignored = program; }

void told_counted(uint64_t count) { received = count; }

static const char *keep(const char *text, size_t size) {
    enum { CHUNK = 1 << 20 };
    static char *chunk;
    static size_t left;
    if (left < size + 1) {
        left = CHUNK;
        if (!(chunk = malloc(CHUNK)))
            die(EXIT_PROBE, "ebpf: no memory");
    }
    char *kept = chunk;
    memcpy(kept, text, size);
    kept[size] = 0;
    chunk += size + 1;
    left -= size + 1;
    return kept;
}

/* The number of a string, and flags. */
static uint32_t path_number(uint64_t number, enum event_type type) {
    if (!number)
        return 0;
    uint32_t found = table_get(&numbers, (struct identifier){number, type});
    if (found == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    return found;
}

/* ---- what was asked for ------------------------------------------------------------------------------ */

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
    if (named_count == named_room) {
        named_room = named_room ? named_room * 2 : 1024;
        if (!(named = realloc(named, named_room * sizeof *named)))
            die(EXIT_PROBE, "ebpf: no memory");
    }
    struct named *one = &named[named_count];
    uint32_t directory = path_number(event->directory, EVENT_DIRECTORY);
    uint32_t root = path_number(event->root, EVENT_DIRECTORY);
    *one = (struct named){.text = keep(text, event->size),
                          .program = path_number(event->program, EVENT_PROGRAM) >> FLAG_BITS,
                          .directory = directory >> FLAG_BITS,
                          .root = root >> FLAG_BITS,
                          .access = event->access,
                          .flags = event->flags};
    one->flags |= (directory & OUTSIDE ? EVENT_OUTSIDE : 0) | ((directory | root) & LONG ? EVENT_LONG : 0);
    one->ignored =
        *ignored &&
        !strcmp(one->access == ACCESS_EXEC ? one->text : names_get(&programs, one->program), ignored);
    table_add(&identifiers, event->id, named_count++);
}

enum { PATH_SIZE = 2 * PATH_LIMIT + 2 };

/* Writes the whole path, as seen from the process's root, and returns the root. */
static const char *path_of(const struct named *one, char path[static PATH_SIZE]) {
    const char *root = names_get(&strings, one->root), *text = one->text;
    *path = 0;
    if (!(one->flags & (EVENT_RELATIVE | EVENT_ITSELF))) {
        append(path, PATH_SIZE, text, NULL);
        return root;
    }
    if (one->flags & EVENT_IN_ROOT)
        text += strspn(text, "/");
    const char *directory = names_get(&strings, one->directory);
    if (!(one->flags & EVENT_ITSELF))
        append(path, PATH_SIZE, directory, "/", text, NULL);
    else
        append(path, PATH_SIZE, *directory ? directory : "/", NULL);
    return one->flags & EVENT_OUTSIDE ? "" : root;
}

/* ---- how it ended ------------------------------------------------------------------------------------ */

static bool makes(uint8_t access) {
    return access == ACCESS_MKDIR || access == ACCESS_MKNOD || access == ACCESS_SYMLINK ||
           access == ACCESS_LINK_TO || access == ACCESS_RENAME_TO || access == ACCESS_BIND;
}

static bool takes_away(uint8_t access) { return access == ACCESS_UNLINK || access == ACCESS_RENAME_FROM; }

static void write_access(const struct named *one, uint32_t pid, bool present, const char *path,
                         const char *real, const char *root) {
    record_begin('A');
    record_u8(one->access);
    record_u8((present ? FLAG_PRESENT : 0) | (one->flags & EVENT_NOFOLLOW ? FLAG_NOFOLLOW : 0));
    record_u32(pid);
    record_u32(one->program);
    record_u64(received);
    record_text(path);
    record_text(real);
    record_text(root);
    record_end();
}

/* What a call has told by its end: whether what it named was there when it began, and where that is. */
static void write_result(struct named *one, const struct event *event, const char *text) {
    static char path[PATH_SIZE], real[PATH_LIMIT];
    const char *root = path_of(one, path);
    bool nofollow = one->flags & EVENT_NOFOLLOW, present = false;
    *real = 0;
    if (event->access == OUTCOME_DONE && event->size) {
        size_t length = strlen(root);
        present = true;
        append(real, sizeof real, text, NULL);
        if (!strncmp(real, root, length) && !strcmp(real + length, path))
            *real = 0;
    } else if (event->access == OUTCOME_DONE && makes(one->access)) {
        present = false;
    } else if (event->access == OUTCOME_DONE && takes_away(one->access)) {
        present = true;
    } else if (event->access == OUTCOME_DONE && one->flags & EVENT_ITSELF) {
        present = true;
    } else if (event->access & (OUTCOME_DONE | OUTCOME_FAILED)) {
        present = place_find(root, path, nofollow, real) || event->access == OUTCOME_DONE;
    }
    write_access(one, event->pid, present, path, real, root);
}

/* Returns whether it is new. */
static bool result(struct identifier id, const struct event *event, const char *text) {
    if (!id.low && !id.high)
        return false;
    uint32_t index = table_get(&identifiers, id);
    if (index == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    struct named *one = &named[index];
    if (one->outcomes & event->access || one->ignored)
        return false;
    one->outcomes |= event->access;
    write_result(one, event, text);
    return true;
}

static void unresolved(uint8_t access, uint32_t pid, uint32_t program, int error) {
    received++;
    told_counts.unresolved++;
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
    if (index != TABLE_NONE && named[index].flags & EVENT_LONG) {
        unresolved(named[index].access, event->pid, named[index].program, ENAMETOOLONG);
        return;
    }
    received++;
    bool first = result(event->id, event, text), second = result(event->second, event, "");
    if (first || second)
        told_counts.recorded++;
    else
        told_counts.repeated++;
}

void told_unfinished(void) {
    for (uint32_t i = 0; i < named_count; i++) {
        static const struct event event = {.access = OUTCOME_FAILED};
        if (named[i].outcomes || named[i].ignored || named[i].flags & EVENT_LONG)
            continue;
        received++;
        told_counts.recorded++;
        write_result(&named[i], &event, "");
    }
}

/* ---- executions -------------------------------------------------------------------------------------- */

/* What the kernel opens besides; `file` is closed. */
static void interpreters(const struct named *one, uint32_t pid, const char *root, int file) {
    static char name[PATH_LIMIT], real[PATH_LIMIT];
    static struct set seen;
    struct named opened = *one;
    opened.flags = 0;
    bool counted = false;
    for (int depth = 0; file >= 0 && depth < INTERPRETER_DEPTH; depth++) {
        enum interpreter kind = interpreter_of(file, name);
        close(file);
        file = -1;
        if (kind == INTERPRETER_NONE)
            break;
        bool present = place_find(root, name, false, real);
        if (set_add(&seen, fingerprint(name, strlen(name), one->program, one->root))) {
            if (!counted) { /* what they are opened by is an execution that counts once more */
                received++;
                told_counts.recorded++;
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
        return; /* what it named could not be told */
    uint32_t index = table_get(&identifiers, event->id);
    if (index == TABLE_NONE)
        die(EXIT_PROBE, "ebpf: an event is missing");
    const struct named *one = &named[index];
    if (one->ignored)
        return;
    if (event->flags & EVENT_LONG)
        unresolved(ACCESS_EXEC, event->pid, one->program, E2BIG);
    const char *root = path_of(one, path);
    struct fingerprint where = fingerprint(path, strlen(path), one->root, 0);
    if (set_add(&seen, fingerprint(variables, event->size, where.low, where.high))) {
        record_begin('E');
        record_u32(event->pid);
        record_u32(one->program);
        char whole[3 * PATH_LIMIT + 2];
        concat(whole, root, path);
        record_text(whole);
        for (size_t at = 0; at < event->size; at += strlen(variables + at) + 1)
            record_text(variables + at);
        record_end();
    }
    /* They are looked up again when the file is another: a script may have been written anew. */
    int file = place_open(root, path, one->flags & EVENT_NOFOLLOW);
    struct stat status;
    if (file >= 0 && fstat(file, &status) == 0) {
        struct {
            uint64_t device, inode;
            struct timespec changed;
        } version = {status.st_dev, status.st_ino, status.st_ctim};
        if (!set_add(&seen, fingerprint(&version, sizeof version, where.low, ~(uint64_t)one->program))) {
            close(file);
            return;
        }
    }
    interpreters(one, event->pid, root, file);
}

void told(const struct event *event, const char *text) {
    switch (event->type) {
    case EVENT_PROGRAM:
    case EVENT_DIRECTORY:
        keep_path(event, text);
        break;
    case EVENT_NAME:
        keep_name(event, text);
        break;
    case EVENT_RESULT:
        told_counts.calls++;
        results(event, text);
        break;
    case EVENT_FAULT:
        told_counts.calls++;
        unresolved(event->access, event->pid, path_number(event->program, EVENT_PROGRAM) >> FLAG_BITS,
                   -event->result);
        break;
    case EVENT_EXEC:
        executed(event, text);
        break;
    }
}
