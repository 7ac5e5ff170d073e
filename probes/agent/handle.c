#define _GNU_SOURCE
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"
#include "exec.h"
#include "exits.h"
#include "interpreter.h"
#include "paths.h"
#include "protocol.h"
#include "set.h"
#include "tracee.h"
#include "util.h"

/* The outcomes of a call. If its two paths have different ones, the later in this list counts. */
enum outcome { IGNORED, REPEATED, UNRESOLVED, RECORDED };

/* Of fanotify_mark(2): FAN_OPEN_PERM, FAN_ACCESS_PERM, FAN_OPEN_EXEC_PERM; FAN_PRE_ACCESS (Linux 6.14). */
enum { PERMISSION_EVENTS = 0x170000 };

struct request {
    int listener;
    const struct seccomp_notif *notification;
    uint64_t argument[6];
    uint32_t pid, program;
    uint64_t received;
    int error; /* of the path that could not be resolved */
    uint8_t failed_access;
    bool in_root; /* RESOLVE_IN_ROOT: "/" is the descriptor's directory */
    bool last;    /* its path is read last */
    bool answered;
};

static struct set seen;
static bool saw_listen;
static bool opens_are_judged; /* by a process that may wait for our answer */

bool handle_saw_listen(void) {
    bool saw = saw_listen;
    saw_listen = false;
    return saw;
}

static enum outcome unresolved(struct request *request, uint8_t access, int error) {
    request->error = error;
    request->failed_access = access;
    return UNRESOLVED;
}

/* Lets the call continue. Returns false if its caller has ended, or was interrupted and will repeat the
 * call. */
static bool answer(struct request *request) {
    struct seccomp_notif_resp response = {.id = request->notification->id,
                                          .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    request->answered = true;
    return ioctl(request->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

/* Returns whether the caller was waiting all the time, so that the data read is its own, and not that of a
 * process that got its number. The answer to a call shows this, too, if nothing else has to be read.
 *
 * Only the record is written after an answer. The path may not be examined then: the call itself may create
 * or remove it, and afterwards its caller may close a descriptor (below /proc), remove a queue or end, all
 * without a trapped call. It would not be faster either, because the kernel wakes the caller on the agent's
 * processor, where it waits until the agent sleeps. */
static bool was_waiting(struct request *request) {
    uint64_t id = request->notification->id;
    return request->last ? answer(request) : ioctl(request->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void write_access(const struct request *request, uint8_t access, bool nofollow,
                         const struct asked *asked, const struct found *found) {
    record_begin('A');
    record_u8(access);
    record_u8((found->present ? FLAG_PRESENT : 0) | (nofollow ? FLAG_NOFOLLOW : 0));
    record_u32(request->pid);
    record_u32(request->program);
    record_u64(request->received);
    record_string(asked->path, asked->size);
    record_text(found->real);
    record_text(root_name(asked->root));
    record_end();
}

static enum outcome record(struct request *request, uint8_t access, bool nofollow,
                           const struct asked *asked) {
    uint64_t kind = access | nofollow << 8 | (uint64_t)request->program << 32;
    struct fingerprint member = fingerprint(asked->path, asked->size, kind, asked->root);
    if (set_has(&seen, member))
        return REPEATED;
    struct found found;
    path_find(&found, asked, request->pid, nofollow);
    if (!was_waiting(request))
        return unresolved(request, access, ESRCH);
    write_access(request, access, nofollow, asked, &found);
    set_add(&seen, member);
    return RECORDED;
}

/* How open(2) uses its path. With O_TMPFILE that is the directory. */
static uint8_t open_access(uint64_t flags) {
    if (flags & O_PATH)
        return ACCESS_STAT;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return ACCESS_WRITE;
    if (flags & O_CREAT)
        return ACCESS_CREATE;
    return flags & O_ACCMODE || flags & O_TRUNC ? ACCESS_WRITE : ACCESS_READ;
}

static bool open_nofollow(uint64_t flags) {
    return flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
}

static int descriptor(const struct request *request, int8_t index) {
    return index < 0 ? WORKING_DIRECTORY : (int32_t)request->argument[index];
}

static struct asked asked; /* too large for the stack, which is touched each time */

static enum outcome handle_path(struct request *request, const struct call_name *name, uint8_t access,
                                bool nofollow) {
    char path[PATH_LIMIT];
    uint64_t address = request->argument[name->path];
    if (!address && name->dirfd >= 0)
        return IGNORED; /* utimensat, statx, fanotify_mark: the descriptor itself */
    ssize_t size = tracee_path(request->pid, address, path);
    if (size < 0)
        return unresolved(request, access, errno);
    if (size == 0)
        return IGNORED;
    size_t skip = request->in_root ? strspn(path, "/") : 0;
    int error = path_ask(&asked, request->pid, descriptor(request, name->dirfd), path + skip, size - skip);
    return error ? unresolved(request, access, error) : record(request, access, nofollow, &asked);
}

static bool is_nofollow(const struct request *request, const struct call_name *name) {
    bool toggled = name->flags >= 0 && request->argument[name->flags] & name->toggle;
    return name->nofollow ^ toggled;
}

static enum outcome handle_name(struct request *request, const struct call_name *name) {
    return handle_path(request, name, name->access, is_nofollow(request, name));
}

static enum outcome handle_open(struct request *request, const struct call *call) {
    uint64_t flags = request->argument[call->name[0].flags];
    if (call->kind == CALL_OPENAT2) {
        struct open_how how;
        ssize_t got = tracee_read(request->pid, flags, &how, sizeof how);
        if (got != sizeof how)
            return unresolved(request, ACCESS_READ, got < 0 ? errno : EFAULT);
        flags = how.flags;
        request->in_root = how.resolve & RESOLVE_IN_ROOT;
    }
    return handle_path(request, &call->name[0], open_access(flags), open_nofollow(flags));
}

static enum outcome handle_list(struct request *request, const struct call_name *name) {
    int error = path_of_descriptor(&asked, request->pid, request->argument[name->dirfd]);
    return error ? unresolved(request, name->access, error) : record(request, name->access, false, &asked);
}

static enum outcome handle_address(struct request *request, uint8_t access, uint64_t address,
                                   uint64_t length) {
    struct sockaddr_un name = {0};
    size_t header = offsetof(struct sockaddr_un, sun_path);
    if (length <= header)
        return IGNORED;
    ssize_t size = tracee_read(request->pid, address, &name, length < sizeof name ? length : sizeof name);
    if (size < 0)
        return unresolved(request, access, errno);
    if (name.sun_family != AF_UNIX || size <= (ssize_t)header || !name.sun_path[0])
        return IGNORED;
    char path[PATH_LIMIT];
    size_t count = strnlen(name.sun_path, size - header);
    memcpy(path, name.sun_path, count);
    path[count] = 0;
    int error = path_ask(&asked, request->pid, WORKING_DIRECTORY, path, count);
    return error ? unresolved(request, access, error)
                 : record(request, access, access == ACCESS_BIND, &asked);
}

static enum outcome handle_socketcall(struct request *request) {
    enum { SYS_BIND_CALL = 2, SYS_LISTEN_CALL = 4 };
    uint32_t arguments[3];
    if (request->argument[0] == SYS_LISTEN_CALL) {
        saw_listen = true;
        return IGNORED;
    }
    uint8_t access = request->argument[0] == SYS_BIND_CALL ? ACCESS_BIND : ACCESS_CONNECT;
    ssize_t got = tracee_read(request->pid, request->argument[1], arguments, sizeof arguments);
    if (got != sizeof arguments)
        return unresolved(request, access, got < 0 ? errno : EFAULT);
    return handle_address(request, access, arguments[1], arguments[2]);
}

static enum outcome later(enum outcome first, enum outcome second) { return first > second ? first : second; }

/* Records the files that the kernel opens besides an executed file, which is open with O_PATH and is closed:
 * its interpreter, and if that is a script, the next one. Only the interpreters of ELF files are cached,
 * because those of a script may change without the script. */
static enum outcome handle_interpreters(struct request *request, int file) {
    static struct set known;
    enum outcome outcome = IGNORED;
    char name[PATH_LIMIT];
    struct fingerprint version = file_version(file, request->program, asked.root);
    bool is_known = file >= 0 && set_has(&known, version);
    for (int depth = 0; file >= 0 && depth < INTERPRETER_DEPTH; depth++) {
        enum interpreter kind = opens_are_judged || is_known ? INTERPRETER_NONE : interpreter_of(file, name);
        close(file);
        file = -1;
        if (kind == INTERPRETER_NONE)
            break;
        int error = path_ask(&asked, request->pid, WORKING_DIRECTORY, name, strlen(name));
        outcome = later(outcome, error ? unresolved(request, ACCESS_EXEC, error)
                                       : record(request, ACCESS_EXEC, false, &asked));
        if (!error && kind == INTERPRETER_OF_SCRIPT)
            file = path_open(&asked, request->pid, false);
        else if (depth == 0 && *name == '/' && outcome != UNRESOLVED)
            set_add(&known, version);
    }
    if (file >= 0)
        close(file);
    return outcome;
}

static enum outcome handle_exec(struct request *request, const struct call_name *name) {
    enum outcome outcome = handle_name(request, name);
    bool itself = outcome == IGNORED && name->dirfd >= 0; /* fexecve(3) */
    if (itself) {
        int error = path_of_descriptor(&asked, request->pid, descriptor(request, name->dirfd));
        outcome =
            error ? unresolved(request, name->access, error) : record(request, name->access, false, &asked);
    }
    uint64_t environment = request->argument[name->path + 2];
    if (outcome == RECORDED || outcome == REPEATED) {
        exec_record(&asked, request->pid, request->program, environment, request->notification);
        int file = itself ? tracee_open(request->pid, descriptor(request, name->dirfd))
                          : path_open(&asked, request->pid, is_nofollow(request, name));
        outcome = later(outcome, handle_interpreters(request, file));
    }
    tracee_forget(request->pid);
    return outcome;
}

static enum outcome dispatch(struct request *request, const struct call *call) {
    const struct call_name *name = call->name;
    enum outcome first, second;
    switch (call->kind) {
    case CALL_OPEN:
    case CALL_OPENAT2:
        return handle_open(request, call);
    case CALL_EXEC:
        return handle_exec(request, name);
    case CALL_LIST:
        return handle_list(request, name);
    case CALL_SOCKET:
        return handle_address(request, name->access, request->argument[name->path],
                              request->argument[name->flags]);
    case CALL_SOCKETCALL:
        return handle_socketcall(request);
    case CALL_PATH:
        if (name->access == ACCESS_WATCH && name->dirfd >= 0 && request->argument[2] & PERMISSION_EVENTS)
            opens_are_judged = true;
        first = handle_name(request, name);
        second = name[1].path >= 0 ? handle_name(request, name + 1) : IGNORED;
        return later(first, second);
    default:
        return IGNORED;
    }
}

static void write_unresolved(const struct request *request) {
    record_begin('U');
    record_u8(request->failed_access);
    record_u32(request->pid);
    record_u32(request->program);
    record_u32(request->error);
    record_text(strerror(request->error));
    record_end();
}

/* The call will fail with EBUSY. A call without a filter only checks whether the kernel has the flag. */
static void write_refused(const struct request *request) {
    static bool told;
    if (told || !request->argument[2])
        return;
    told = true;
    uint32_t program = tracee_program(request->pid);
    record_begin('B');
    record_u32(request->pid);
    record_u32(program);
    record_end();
}

static void handle_exit(const struct request *request, uint32_t command, bool group) {
    uint32_t process = group ? tracee_process(request->pid) : 0;
    if (group && process == command)
        exits_stop();
    else
        exits_note(request->pid, process, tracee_program(request->pid), request->argument[0]);
}

void handle(int listener, const struct seccomp_notif *notification, uint32_t command,
            struct counters *counters) {
    struct request request = {.listener = listener, .notification = notification, .pid = notification->pid};
    const struct seccomp_data *data = &notification->data;
    memcpy(request.argument, data->args, sizeof request.argument);
    request.received = ++counters->received;
    const struct call *call = call_find(data->arch, data->nr);
    enum outcome outcome = IGNORED;
    if (call && call->kind < CALL_FILTER) {
        request.program = tracee_program(request.pid);
        if (command)
            exits_watch(request.pid, request.program, command);
        request.last = call->kind != CALL_EXEC && !call->roots && call->name[1].path < 0;
        outcome = dispatch(&request, call);
    }
    if (call && command && (call->kind == CALL_EXIT || call->kind == CALL_EXIT_GROUP))
        handle_exit(&request, command, call->kind == CALL_EXIT_GROUP);
    saw_listen |= call && call->kind == CALL_LISTEN;
    if (call && call->kind == CALL_FILTER)
        write_refused(&request);
    if (call && call->roots)
        roots_may_differ();
    if (outcome == UNRESOLVED)
        write_unresolved(&request);
    uint64_t *count[] = {&counters->ignored, &counters->repeated, &counters->unresolved, &counters->recorded};
    ++*count[outcome];
    if (!request.answered)
        answer(&request);
}
