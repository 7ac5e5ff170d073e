#define _GNU_SOURCE
#include "sandbox_places.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

enum { PATH_LIMIT = 4096, LINK_LIMIT = 40 };

static const char *stage_path;
static int root = -1;

void stage_begin(const char *path) { stage_path = path; }

const char *stage_name(void) { return stage_path; }

_Noreturn void cannot(const char *doing, const char *what) {
    die_errno(EXIT_PROBE, "sandbox: cannot ", doing, " ", what);
}

int stage_root(void) { return root; }

/* ---- making detached mounts -------------------------------------------------------------------------- */

/* `options` is NAME=VALUE,...; NULL for none. Returns -1 with errno. */
int new_mount(const char *type, const char *options, unsigned attributes) {
    AUTO_CLOSE int context = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    char text[PATH_LIMIT];
    if (context < 0 || !concat(text, options ? options : ""))
        return -1;
    bool fine = syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", type, 0) == 0;
    for (char *at = text, *next; fine && *at; at = next) {
        next = strchrnul(at, ',');
        next += *next ? (*next = 0, 1) : 0;
        char *value = strchr(at, '=');
        if (value)
            *value++ = 0;
        int command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        fine = syscall(SYS_fsconfig, context, command, at, value, 0) == 0;
    }
    fine = fine && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
    return fine ? syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes) : -1;
}

/* Includes the mounts below `source`: in a user name space, a mount that hides files must be included. */
int clone_mount(const char *source) {
    return syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

/* Changes each file system separately: a locked one has its flags already, and refuses to lose them. */
void set_attributes(int mount, unsigned attributes, const char *what) {
    struct mount_attr attr = {.attr_set = attributes};
    if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
        cannot("restrict", what);
}

/* ---- places below the stage -------------------------------------------------------------------------- */

int open_in_root(const char *path, int flags) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Opens (O_PATH) a directory or a file, and creates it if it is missing, also at the end of a dangling
 * link. */
static int open_made(const char *path, bool directory, int links) {
    int fd = open_in_root(path, directory ? O_DIRECTORY : 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char above[PATH_LIMIT], link[PATH_LIMIT];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    const char *slash = memrchr(path, '/', size);
    if (!slash || size >= sizeof above || links > LINK_LIMIT)
        return errno = ENAMETOOLONG, -1;
    memcpy(above, path, size);
    above[size] = 0;
    const char *name = above + (slash - path) + 1;
    above[slash - path] = 0;
    AUTO_CLOSE int parent = open_made(slash == path ? "/" : above, true, links + 1);
    if (parent < 0)
        return -1;
    ssize_t length = readlinkat(parent, name, link, sizeof link - 1);
    if (length >= 0) {
        link[length] = 0;
        char target[2 * PATH_LIMIT];
        bool is_absolute = *link == '/';
        if (!concat(target, is_absolute ? "" : above, is_absolute ? "" : "/", link))
            return -1;
        return open_made(target, directory, links + 1);
    }
    if (directory)
        return mkdirat(parent, name, 0755) < 0 ? -1 : open_made(path, true, links + 1);
    AUTO_CLOSE int file = openat(parent, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
    return file < 0 ? -1 : open_made(path, false, links + 1);
}

int place(const char *path, bool directory) {
    int fd = open_made(path, directory, 0);
    if (fd < 0)
        cannot("make a place for", path);
    return fd;
}

void attach_to(int mount, int target, const char *what) {
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (syscall(SYS_move_mount, mount, "", target, "", flags) < 0)
        cannot("mount", what);
    close(mount);
    close(target);
}

bool is_directory(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

void attach(int mount, const char *path) {
    if (root < 0 && strcmp(path, "/") != 0)
        die(EXIT_USAGE, "sandbox: the first mount must be the root, not ", path);
    if (root >= 0) {
        attach_to(mount, place(path, is_directory(mount)), path);
        return;
    }
    if (syscall(SYS_move_mount, mount, "", AT_FDCWD, stage_path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        cannot("mount the root on", stage_path);
    root = mount;
}
