#define _GNU_SOURCE
#include "cgroups.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracee.h"
#include "util.h"

static void set(int context, unsigned command, const char *key, const char *value) {
    syscall(SYS_fsconfig, context, command, key, value, 0);
}

/* Mounts the hierarchy of `controllers` without attaching it (cgroups(7), /proc/PID/cgroup); "" is version
 * 2. */
static int mount_hierarchy(char *controllers) {
    int context = syscall(SYS_fsopen, *controllers ? "cgroup" : "cgroup2", FSOPEN_CLOEXEC);
    for (char *next, *name = controllers; name && *name; name = next) {
        next = strchr(name, ',');
        if (next)
            *next++ = 0;
        bool named = !strncmp(name, "name=", 5);
        set(context, FSCONFIG_SET_FLAG, named ? "none" : name, NULL);
        if (named)
            set(context, FSCONFIG_SET_STRING, "name", name + 5);
    }
    set(context, FSCONFIG_CMD_CREATE, NULL, NULL);
    int mount = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    close(context);
    return mount;
}

static void join(char *controllers, const char *path) {
    char procs[PATH_LIMIT + 32];
    AUTO_CLOSE int hierarchy = mount_hierarchy(controllers);
    if (hierarchy < 0 || !concat(procs, ".", path, "/cgroup.procs"))
        return;
    AUTO_CLOSE int fd = openat(hierarchy, procs, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && !write_all(fd, "0", 1))
        complain("init: a control group of the target cannot be joined: ", path, NULL);
}

enum { TEXT_LIMIT = 64 << 10 };

static void read_groups(const char *name, char text[TEXT_LIMIT]) {
    AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, TEXT_LIMIT - 1);
    text[size > 0 ? size : 0] = 0;
}

void cgroups_join(uint32_t pid) {
    static char text[TEXT_LIMIT], own[TEXT_LIMIT];
    char name[64];
    proc_path(name, pid, "cgroup", -1);
    read_groups(name, text);
    read_groups("/proc/self/cgroup", own);
    if (!strcmp(text, own))
        return;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        join(controllers + 1, path);
    }
}
