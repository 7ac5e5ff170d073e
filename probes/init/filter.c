#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "protocol.h"

/* Since Linux 5.16 a filter changes no speculation mitigation; before, this flag keeps it from doing so. */
#define SAME_MITIGATIONS SECCOMP_FILTER_FLAG_SPEC_ALLOW

enum { IO_URING_SETUP = 425 }; /* on every architecture */

static enum rule_test test_of(enum call_kind kind) {
    return kind == CALL_SOCKETCALL ? TEST_SOCKETCALL : kind == CALL_FILTER ? TEST_LISTENER : TEST_NONE;
}

/* `ours` are calls that only a listener needs. */
static void add_calls(struct rules *native, struct rules *compat, uint32_t action, bool ours) {
    for (size_t i = 0; i < calls_count; i++) {
        enum call_kind kind = calls[i].kind;
        if (!ours && (kind == CALL_FILTER || kind == CALL_EXIT || kind == CALL_EXIT_GROUP))
            continue;
        enum rule_test test = test_of(kind);
        rules_add(native, calls[i].number[NATIVE_ARCH], action, test);
        rules_add(compat, calls[i].number[COMPAT_ARCH], action, test);
    }
}

/* No filter and no tracer sees what io_uring opens. Docker has denied it since 25.0, too, and libraries work
 * without it. */
static void deny_io_uring(struct rules *native, struct rules *compat) {
    rules_add(native, IO_URING_SETUP, SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
    rules_add(compat, IO_URING_SETUP, SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
}

static const int16_t ptrace_numbers[ARCH_COUNT] = {101, 26, 117, 26};

int filter_hold(bool traced) {
    static struct rules native = {.arch = NATIVE_ARCH}, compat = {.arch = COMPAT_ARCH};
    if (traced) {
        add_calls(&native, &compat, SECCOMP_RET_TRACE, false);
        rules_add(&native, ptrace_numbers[NATIVE_ARCH], SECCOMP_RET_TRACE, TEST_NONE);
        rules_add(&compat, ptrace_numbers[COMPAT_ARCH], SECCOMP_RET_TRACE, TEST_NONE);
    }
    deny_io_uring(&native, &compat);
    return bpf_install(&native, &compat, SAME_MITIGATIONS);
}

int filter_notify(uint32_t *features) {
    static struct rules native = {.arch = NATIVE_ARCH}, compat = {.arch = COMPAT_ARCH};
    add_calls(&native, &compat, SECCOMP_RET_USER_NOTIF, true);
    deny_io_uring(&native, &compat);
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SAME_MITIGATIONS;
    *features = FEATURE_WAIT_KILLABLE;
    int listener = bpf_install(&native, &compat, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if (listener < 0 && errno == EINVAL) { /* before Linux 5.19 */
        *features = 0;
        listener = bpf_install(&native, &compat, flags);
    }
    return listener;
}

enum { SYS_PTRACE = 19, SYS_ADMIN = 21, SYSLOG = 34, PERFMON = 38, BPF = 39, NONE = 63 };

struct denied {
    int16_t number[ARCH_COUNT]; /* x86_64, i386, aarch64, arm */
    uint8_t capability, other;  /* allowed to a process with one of them */
    uint8_t error, test;
};

/* The calls that profiles/seccomp/default.json of moby allows only under CAP_SYS_ADMIN or CAP_SYS_PTRACE.
 * clone3 is denied with ENOSYS so that libc falls back to clone. */
/* clang-format off */
static const struct denied denials[] = {
    {{321, 357, 280, 386}, SYS_ADMIN, BPF, EPERM, TEST_NONE}, /* bpf */
    {{56, 120, 220, 120}, SYS_ADMIN, NONE, EPERM, TEST_CLONE}, /* clone */
    {{435, 435, 435, 435}, SYS_ADMIN, NONE, ENOSYS, TEST_NONE}, /* clone3 */
    {{300, 338, 262, 367}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* fanotify_init */
    {{431, 431, 431, 431}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* fsconfig */
    {{432, 432, 432, 432}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* fsmount */
    {{430, 430, 430, 430}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* fsopen */
    {{433, 433, 433, 433}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* fspick */
    {{212, 253, 18, 249}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* lookup_dcookie */
    {{459, 459, 459, 459}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* lsm_get_self_attr */
    {{461, 461, 461, 461}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* lsm_list_modules */
    {{460, 460, 460, 460}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* lsm_set_self_attr */
    {{165, 21, 40, 21}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* mount */
    {{442, 442, 442, 442}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* mount_setattr */
    {{429, 429, 429, 429}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* move_mount */
    {{428, 428, 428, 428}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* open_tree */
    {{298, 336, 241, 364}, SYS_ADMIN, PERFMON, EPERM, TEST_NONE}, /* perf_event_open */
    {{179, 131, 60, 131}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* quotactl */
    {{443, 443, 443, 443}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* quotactl_fd */
    {{171, 121, 162, 121}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* setdomainname */
    {{170, 74, 161, 74}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* sethostname */
    {{308, 346, 268, 375}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* setns */
    {{103, 103, 116, 103}, SYS_ADMIN, SYSLOG, EPERM, TEST_NONE}, /* syslog */
    {{-1, 22, -1, 22}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* umount */
    {{166, 52, 39, 52}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* umount2 */
    {{272, 310, 97, 337}, SYS_ADMIN, NONE, EPERM, TEST_NONE}, /* unshare */
    {{312, 349, 272, 378}, SYS_PTRACE, NONE, EPERM, TEST_NONE}, /* kcmp */
    {{438, 438, 438, 438}, SYS_PTRACE, NONE, EPERM, TEST_NONE}, /* pidfd_getfd */
    {{440, 440, 440, 440}, SYS_PTRACE, NONE, EPERM, TEST_NONE}, /* process_madvise */
};
/* clang-format on */

/* Calls that only older profiles denied; the caller, which knows the engine, decides. */
static const struct {
    const char *name;
    int16_t number[ARCH_COUNT];
} denied_once[] = {
    {"name_to_handle_at", {303, 341, 264, 370}},
    {"process_vm_readv", {310, 347, 270, 376}},
    {"process_vm_writev", {311, 348, 271, 377}},
};

enum { NEW_CALLS = 424 }; /* from here on, numbers are the same on every architecture */

/* A call that is newer than the profile fails with ENOSYS (runc), and must continue to do so. With these
 * arguments it has no effect. */
static bool is_unknown(int number) {
    return number >= NEW_CALLS && syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 && errno == ENOSYS;
}

static bool is_listed(const char *list, const char *name) {
    size_t size = strlen(name);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, name, size) && (at[size] == ',' || !at[size]))
            return true;
    return false;
}

int filter_deny(uint64_t added, uint64_t held, const char *names) {
    static struct rules native = {.arch = NATIVE_ARCH}, compat = {.arch = COMPAT_ARCH};
    for (size_t i = 0; i < sizeof denials / sizeof *denials; i++) {
        const struct denied *call = &denials[i];
        if (!(added >> call->capability & 1) || held >> call->other & 1 ||
            is_unknown(call->number[NATIVE_ARCH]))
            continue;
        rules_add(&native, call->number[NATIVE_ARCH], SECCOMP_RET_ERRNO | call->error, call->test);
        rules_add(&compat, call->number[COMPAT_ARCH], SECCOMP_RET_ERRNO | call->error, call->test);
    }
    for (size_t i = 0; i < sizeof denied_once / sizeof *denied_once; i++) {
        if (!is_listed(names, denied_once[i].name))
            continue;
        rules_add(&native, denied_once[i].number[NATIVE_ARCH], SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
        rules_add(&compat, denied_once[i].number[COMPAT_ARCH], SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
    }
    return native.count ? bpf_install(&native, &compat, SAME_MITIGATIONS) : 0;
}
