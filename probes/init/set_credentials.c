#define _GNU_SOURCE
#include "set_credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Plain system calls: the C library's wrappers would also change other threads, and there are none. */

static struct __user_cap_header_struct header(void) {
    return (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
}

static int get_sets(uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct head = header();
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data) < 0)
        return -1;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

uint64_t held_capabilities(void) {
    uint64_t permitted, inheritable;
    return get_sets(&permitted, &inheritable) < 0 ? 0 : permitted;
}

static int set_sets(uint64_t permitted, uint64_t effective, uint64_t inheritable) {
    struct __user_cap_header_struct head = header();
    struct __user_cap_data_struct data[2] = {{effective, permitted, inheritable},
                                             {effective >> 32, permitted >> 32, inheritable >> 32}};
    return syscall(SYS_capset, &head, data);
}

static uint64_t wanted(const struct identity *identity, enum capability_set set, uint64_t otherwise) {
    return identity->given >> set & 1 ? identity->sets[set] : otherwise;
}

static int drop_bounding(const struct identity *identity) {
    for (int capability = 0; capability < 64; capability++) {
        int have = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (have < 0)
            return 0; /* EINVAL: the kernel has no further capability */
        if (have && !(wanted(identity, SET_BOUNDING, UINT64_MAX) >> capability & 1) &&
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -1;
    }
    return 0;
}

static int raise_ambient(uint64_t ambient) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return ambient ? -1 : 0; /* Linux before 4.3 has none */
    for (int capability = 0; capability < 64; capability++)
        if (ambient >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return -1;
    return 0;
}

static int set_groups(const struct identity *identity) {
    if (!identity->set_groups)
        return 0;
    int done = syscall(SYS_setgroups, identity->group_count, identity->groups);
    /* A user name space may forbid it (user_namespaces(7)): then there are no groups to drop. */
    return done < 0 && errno == EPERM && identity->group_count == 0 && getgroups(0, NULL) == 0 ? 0 : done;
}

const char *set_credentials(const struct identity *identity) {
    uint64_t permitted, inheritable;
    bool leaves_root = identity->set_uid && identity->uid != 0;
    if (get_sets(&permitted, &inheritable) < 0)
        return "read the capabilities of";
    if (drop_bounding(identity) < 0)
        return "drop the bounding set of";
    if (set_groups(identity) < 0)
        return "set the groups of";
    gid_t gid = identity->gid;
    if (identity->set_gid && syscall(SYS_setresgid, gid, gid, gid) < 0)
        return "set the group of";
    uid_t uid = identity->uid;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return "keep the capabilities of";
    if (identity->set_uid && syscall(SYS_setresuid, uid, uid, uid) < 0)
        return "set the user of";
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return "keep the capabilities of";
    permitted = wanted(identity, SET_PERMITTED, leaves_root ? 0 : permitted);
    uint64_t effective = wanted(identity, SET_EFFECTIVE, leaves_root ? 0 : permitted);
    if (set_sets(permitted, effective, wanted(identity, SET_INHERITABLE, inheritable)) < 0)
        return "set the capabilities of";
    if (identity->given >> SET_AMBIENT & 1 && raise_ambient(identity->sets[SET_AMBIENT]) < 0)
        return "set the ambient capabilities of";
    return NULL;
}

int set_user_for_now(const struct identity *identity) {
    if (set_groups(identity) < 0)
        return -1;
    if (identity->set_gid && syscall(SYS_setresgid, -1, identity->gid, -1) < 0)
        return -1;
    return identity->set_uid ? syscall(SYS_setresuid, -1, identity->uid, -1) : 0;
}

int restore_root(void) {
    return syscall(SYS_setresuid, -1, getuid(), -1) < 0 ? -1 : syscall(SYS_setresgid, -1, getgid(), -1);
}
