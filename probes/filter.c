#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "bpf.h"
#include "protocol.h"

/* Since Linux 5.16 a filter changes no speculation mitigation; before, this flag keeps it from doing so. */
#define SAME_MITIGATIONS SECCOMP_FILTER_FLAG_SPEC_ALLOW

enum { IO_URING_SETUP = 425 }; /* on every architecture */

int filter_notify(uint32_t *features) {
    static struct rules native = {.arch = NATIVE_ARCH}, compat = {.arch = COMPAT_ARCH};
    for (size_t i = 0; i < calls_count; i++) {
        enum rule_test test = calls[i].kind == CALL_SOCKETCALL ? TEST_SOCKETCALL : TEST_NONE;
        rules_add(&native, calls[i].number[NATIVE_ARCH], SECCOMP_RET_USER_NOTIF, test);
        rules_add(&compat, calls[i].number[COMPAT_ARCH], SECCOMP_RET_USER_NOTIF, test);
    }
    /* What io_uring opens, no filter sees. Docker denies it too, since 25.0, and libraries do without. */
    rules_add(&native, IO_URING_SETUP, SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
    rules_add(&compat, IO_URING_SETUP, SECCOMP_RET_ERRNO | EPERM, TEST_NONE);
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SAME_MITIGATIONS;
    *features = FEATURE_WAIT_KILLABLE;
    int listener = bpf_install(&native, &compat, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if (listener < 0 && errno == EINVAL) { /* before Linux 5.19 */
        *features = 0;
        listener = bpf_install(&native, &compat, flags);
    }
    return listener;
}

enum { SYS_PTRACE = 19, SYS_ADMIN = 21 };

struct denied {
    int16_t number[ARCH_COUNT]; /* x86_64, i386, aarch64, arm */
    uint8_t capability, error, test;
};

/* What profiles/seccomp/default.json of moby allows under CAP_SYS_ADMIN or CAP_SYS_PTRACE only. clone3 is
 * denied with ENOSYS so that libc falls back to clone. syslog, bpf and perf_event_open are also allowed
 * under capabilities of their own (34, 39, 38). */
/* clang-format off */
static const struct denied denials[] = {
    {{321, 357, 280, 386}, SYS_ADMIN, EPERM, TEST_NONE}, /* bpf */
    {{56, 120, 220, 120}, SYS_ADMIN, EPERM, TEST_CLONE}, /* clone */
    {{435, 435, 435, 435}, SYS_ADMIN, ENOSYS, TEST_NONE}, /* clone3 */
    {{300, 338, 262, 367}, SYS_ADMIN, EPERM, TEST_NONE}, /* fanotify_init */
    {{431, 431, 431, 431}, SYS_ADMIN, EPERM, TEST_NONE}, /* fsconfig */
    {{432, 432, 432, 432}, SYS_ADMIN, EPERM, TEST_NONE}, /* fsmount */
    {{430, 430, 430, 430}, SYS_ADMIN, EPERM, TEST_NONE}, /* fsopen */
    {{433, 433, 433, 433}, SYS_ADMIN, EPERM, TEST_NONE}, /* fspick */
    {{212, 253, 18, 249}, SYS_ADMIN, EPERM, TEST_NONE}, /* lookup_dcookie */
    {{459, 459, 459, 459}, SYS_ADMIN, EPERM, TEST_NONE}, /* lsm_get_self_attr */
    {{461, 461, 461, 461}, SYS_ADMIN, EPERM, TEST_NONE}, /* lsm_list_modules */
    {{460, 460, 460, 460}, SYS_ADMIN, EPERM, TEST_NONE}, /* lsm_set_self_attr */
    {{165, 21, 40, 21}, SYS_ADMIN, EPERM, TEST_NONE}, /* mount */
    {{442, 442, 442, 442}, SYS_ADMIN, EPERM, TEST_NONE}, /* mount_setattr */
    {{429, 429, 429, 429}, SYS_ADMIN, EPERM, TEST_NONE}, /* move_mount */
    {{428, 428, 428, 428}, SYS_ADMIN, EPERM, TEST_NONE}, /* open_tree */
    {{298, 336, 241, 364}, SYS_ADMIN, EPERM, TEST_NONE}, /* perf_event_open */
    {{179, 131, 60, 131}, SYS_ADMIN, EPERM, TEST_NONE}, /* quotactl */
    {{443, 443, 443, 443}, SYS_ADMIN, EPERM, TEST_NONE}, /* quotactl_fd */
    {{171, 121, 162, 121}, SYS_ADMIN, EPERM, TEST_NONE}, /* setdomainname */
    {{170, 74, 161, 74}, SYS_ADMIN, EPERM, TEST_NONE}, /* sethostname */
    {{308, 346, 268, 375}, SYS_ADMIN, EPERM, TEST_NONE}, /* setns */
    {{103, 103, 116, 103}, SYS_ADMIN, EPERM, TEST_NONE}, /* syslog */
    {{-1, 22, -1, 22}, SYS_ADMIN, EPERM, TEST_NONE}, /* umount */
    {{166, 52, 39, 52}, SYS_ADMIN, EPERM, TEST_NONE}, /* umount2 */
    {{272, 310, 97, 337}, SYS_ADMIN, EPERM, TEST_NONE}, /* unshare */
    {{312, 349, 272, 378}, SYS_PTRACE, EPERM, TEST_NONE}, /* kcmp */
    {{438, 438, 438, 438}, SYS_PTRACE, EPERM, TEST_NONE}, /* pidfd_getfd */
    {{440, 440, 440, 440}, SYS_PTRACE, EPERM, TEST_NONE}, /* process_madvise */
};
/* clang-format on */

int filter_deny(uint64_t added) {
    static struct rules native = {.arch = NATIVE_ARCH}, compat = {.arch = COMPAT_ARCH};
    for (size_t i = 0; i < sizeof denials / sizeof *denials; i++) {
        const struct denied *call = &denials[i];
        if (!(added >> call->capability & 1))
            continue;
        rules_add(&native, call->number[NATIVE_ARCH], SECCOMP_RET_ERRNO | call->error, call->test);
        rules_add(&compat, call->number[COMPAT_ARCH], SECCOMP_RET_ERRNO | call->error, call->test);
    }
    return native.count ? bpf_install(&native, &compat, SAME_MITIGATIONS) : 0;
}
