#define _GNU_SOURCE
#include "sandbox_system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox_places.h"
#include "util.h"

static void attach_new(const char *type, const char *path, const char *options, unsigned attributes) {
    int made = new_mount(type, options, attributes);
    if (made < 0)
        cannot("mount", path);
    attach(made, path);
}

void mount_proc(void) {
    int target = place("/proc", true);
    struct stat status, link;
    if (fstat(target, &status) < 0 || fstatat(stage_root(), "proc", &link, AT_SYMLINK_NOFOLLOW) < 0 ||
        status.st_ino != link.st_ino)
        die(EXIT_PROBE, "sandbox: /proc is not a directory of its own"); /* as in runc */
    int made = new_mount("proc", NULL, SAFE | MOUNT_ATTR_NOEXEC);
    if (made < 0)
        cannot("mount", "/proc");
    attach_to(made, target, "/proc");
}

/* A new sysfs shows the network name space's own devices; it may be refused in a user name space. */
void mount_sys(void) {
    unsigned attributes = SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
    int made = new_mount("sysfs", NULL, attributes);
    if (made < 0) {
        made = clone_mount("/sys");
        if (made < 0)
            cannot("bind", "/sys");
        set_attributes(made, attributes, "/sys");
        attach(made, "/sys");
        return;
    }
    attach(made, "/sys");
    int groups = clone_mount("/sys/fs/cgroup");
    if (groups >= 0) {
        set_attributes(groups, attributes, "/sys/fs/cgroup");
        attach(groups, "/sys/fs/cgroup");
    }
}

static void device(const char *name) {
    char source[32];
    if (!concat(source, "/dev/", name))
        return;
    int made = clone_mount(source);
    if (made < 0)
        return; /* this machine has none */
    set_attributes(made, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, source);
    attach(made, source);
}

static void link_in_dev(int dev, const char *name, const char *target) {
    if (symlinkat(target, dev, name) < 0 && errno != EEXIST)
        cannot("make a link in", "/dev");
}

/* As Docker's /dev; its nodes are bind mounts of this machine's. */
void mount_dev(const char *shm_options) {
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    attach_new("tmpfs", "/dev", "mode=755,size=65536k", SAFE);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        device(nodes[i]);
    AUTO_CLOSE int dev = place("/dev", true);
    char path[64];
    AUTO_CLOSE int here = open(descriptor_path(path, dev), O_PATH | O_DIRECTORY | O_CLOEXEC);
    link_in_dev(here, "fd", "/proc/self/fd");
    link_in_dev(here, "stdin", "/proc/self/fd/0");
    link_in_dev(here, "stdout", "/proc/self/fd/1");
    link_in_dev(here, "stderr", "/proc/self/fd/2");
    link_in_dev(here, "core", "/proc/kcore");
    link_in_dev(here, "ptmx", "pts/ptmx");
    /* The terminal's group, 5 everywhere, does not exist in a user name space with a single group. */
    int terminals = new_mount("devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (terminals < 0)
        terminals =
            new_mount("devpts", "newinstance,ptmxmode=0666,mode=0620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (terminals < 0)
        cannot("mount", "/dev/pts");
    attach(terminals, "/dev/pts");
    attach_new("tmpfs", "/dev/shm", shm_options, SAFE | MOUNT_ATTR_NOEXEC);
    int queues = new_mount("mqueue", NULL, SAFE | MOUNT_ATTR_NOEXEC);
    if (queues >= 0)
        attach(queues, "/dev/mqueue");
}

static int path_if_there(const char *path, char name[64]) {
    int fd = open_in_root(path, 0);
    if (fd >= 0)
        descriptor_path(name, fd);
    else if (errno != ENOENT && errno != ENOTDIR)
        cannot("look at", path);
    return fd;
}

/* Mounts an existing path read-only, or hides it; does nothing for a missing one. */
void mount_protection(const char *path) {
    char name[64];
    int fd = path_if_there(path, name), made;
    if (fd < 0)
        return;
    if ((made = clone_mount(name)) < 0)
        cannot("protect", path);
    set_attributes(made, MOUNT_ATTR_RDONLY | SAFE | MOUNT_ATTR_NOEXEC, path);
    attach_to(made, fd, path);
}

void mount_mask(const char *path) {
    char name[64];
    int fd = path_if_there(path, name);
    if (fd < 0)
        return;
    int made =
        is_directory(fd) ? new_mount("tmpfs", "size=0k", MOUNT_ATTR_RDONLY | SAFE) : clone_mount("/dev/null");
    if (made < 0)
        cannot("mask", path);
    attach_to(made, fd, path);
}
