#define _GNU_SOURCE
#include "sandbox_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_places.h"
#include "sandbox_system.h"
#include "util.h"

enum { PATH_LIMIT = 4096, UMOUNT_DETACH = 2 };

static int upper = -1;
static unsigned uppers;

/* ---- the options ------------------------------------------------------------------------------------- */

void mounts_begin(const char *stage, const char *upper_path) {
    stage_begin(stage);
    if (upper_path) {
        upper = open(upper_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (upper < 0)
            cannot("open", upper_path);
        return;
    }
    /* The root covers it at the end: then only the overlays refer to it. */
    int memory = new_mount("tmpfs", "mode=0755", SAFE),
        stage_fd = open(stage, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (memory < 0 || stage_fd < 0)
        cannot("mount a tmpfs on", stage);
    attach_to(memory, stage_fd, stage);
    upper = open(stage, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int new_directory(int parent, const char *name) {
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The paths of the descriptors are used: so characters in a name have no meaning, and no name is too long. */
static int overlay(int lower, bool in_user_namespace) {
    char number[NUMBER_SIZE], options[512], lower_path[PROC_SIZE], up_path[PROC_SIZE], work_path[PROC_SIZE];
    AUTO_CLOSE int own = new_directory(upper, format_number(number, uppers++));
    AUTO_CLOSE int up = own < 0 ? -1 : new_directory(own, "upper");
    AUTO_CLOSE int work = own < 0 ? -1 : new_directory(own, "work");
    struct stat status;
    if (up < 0 || work < 0 || fstat(lower, &status) < 0)
        return -1;
    /* Gives the overlay's own directory the owner and mode of this one. If the owner cannot be set, the
     * directory stays ours, and its mode allows us no more than others. */
    mode_t mode = status.st_mode & 07777;
    if (fchownat(up, "", status.st_uid, status.st_gid, AT_EMPTY_PATH) < 0 && status.st_uid != geteuid())
        mode = (mode & 07077) | (mode & 07) << 6;
    fchmodat(AT_FDCWD, descriptor_path(up_path, up), mode, 0);
    if (!concat(options, "lowerdir=", descriptor_path(lower_path, lower), ",upperdir=", up_path,
                ",workdir=", descriptor_path(work_path, work), in_user_namespace ? ",userxattr" : ""))
        return -1;
    return new_mount("overlay", options, MOUNT_ATTR_NODEV);
}

/* An optional mount that cannot be made is left out: the place then shows the files below it. */
static bool optional(const char *mode) { return strchr(mode, '?'); }

static void do_bind(const char *target, const char *source, const char *mode) {
    int made = clone_mount(source);
    if (made < 0 && optional(mode))
        return;
    if (made < 0)
        cannot("bind", source);
    set_attributes(made, MOUNT_ATTR_NODEV | (*mode == 'r' && mode[1] == 'o' ? MOUNT_ATTR_RDONLY : 0), source);
    attach(made, target);
}

/* `mode` is "root", or "user" in a user name space. */
static void do_overlay(const char *target, const char *source, const char *mode) {
    AUTO_CLOSE int lower = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (lower < 0 && !optional(mode))
        cannot("open", source);
    int made = lower < 0 ? -1 : overlay(lower, *mode == 'u');
    if (made < 0 && optional(mode)) {
        do_bind(target, source, "ro?");
    } else if (made < 0) {
        complain("sandbox: cannot mount an overlay of ", source, ": ", strerror(errno), NULL);
        leave(EXIT_OVERLAY);
    } else {
        attach(made, target);
    }
}

/* `flags`: letters of s(nosuid) x(noexec) r(ead-only). */
static void do_new(const char *type, const char *target, const char *options, const char *flags) {
    unsigned attributes = MOUNT_ATTR_NODEV | (strchr(flags, 's') ? MOUNT_ATTR_NOSUID : 0) |
                          (strchr(flags, 'x') ? MOUNT_ATTR_NOEXEC : 0) |
                          (strchr(flags, 'r') ? MOUNT_ATTR_RDONLY : 0);
    int made = new_mount(type, *options ? options : NULL, attributes);
    if (made < 0)
        cannot("mount", target);
    attach(made, target);
}

static void do_directory(const char *path, const char *mode) {
    uint64_t bits;
    char name[64];
    AUTO_CLOSE int fd = place(path, true);
    if (!parse_number(mode, 8, 07777, &bits) || fchmodat(AT_FDCWD, descriptor_path(name, fd), bits, 0) < 0)
        cannot("set the mode of", path);
}

static void do_symlink(const char *path, const char *text) {
    char above[PATH_LIMIT];
    const char *slash = strrchr(path, '/');
    if (!slash || !concat(above, path))
        cannot("make", path);
    above[slash - path] = 0;
    AUTO_CLOSE int parent = place(*above ? above : "/", true);
    if (symlinkat(text, parent, slash + 1) < 0)
        cannot("make", path);
}

static void option_overlay(char **v) { do_overlay(v[0], v[1], v[2]); }
static void option_bind(char **v) { do_bind(v[0], v[1], v[2]); }
static void option_tmpfs(char **v) { do_new("tmpfs", v[0], v[1], v[2]); }
static void option_proc(char **v) { (void)v, mount_proc(); }
static void option_sys(char **v) { (void)v, mount_sys(); }
static void option_dev(char **v) { mount_dev(v[0]); }
static void option_protect(char **v) { mount_protection(v[0]); }
static void option_mask(char **v) { mount_mask(v[0]); }
static void option_directory(char **v) { do_directory(v[0], v[1]); }
static void option_symlink(char **v) { do_symlink(v[0], v[1]); }

static const struct option {
    const char *name;
    int count;
    void (*mount)(char **values);
} known[] = {
    {"--overlay", 3, option_overlay}, {"--bind", 3, option_bind}, {"--tmpfs", 3, option_tmpfs},
    {"--proc", 0, option_proc},       {"--sys", 0, option_sys},   {"--dev", 1, option_dev},
    {"--protect", 1, option_protect}, {"--mask", 1, option_mask}, {"--directory", 2, option_directory},
    {"--symlink", 2, option_symlink}};

char **mounts_option(char **argv, bool now) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(*argv, known[i].name) != 0)
            continue;
        for (int given = 1; given <= known[i].count; given++)
            if (!argv[given])
                die(EXIT_USAGE, "sandbox: ", *argv, " needs a value");
        if (now)
            known[i].mount(argv + 1);
        return argv + 1 + known[i].count;
    }
    die(EXIT_USAGE, "sandbox: unknown mount ", *argv);
}

void mounts_end(bool read_only) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (read_only && syscall(SYS_mount_setattr, stage_root(), "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        cannot("make read-only", "/");
    if (fchdir(stage_root()) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        cannot("make a root of", stage_name());
    /* The old root lies on the new one. */
    if (syscall(SYS_umount2, ".", UMOUNT_DETACH) < 0 || chdir("/") < 0)
        cannot("leave", "the old root");
    close(stage_root());
    close(upper);
}

int mounts_clone_proc(void) {
    int proc = clone_mount("/proc");
    if (proc < 0)
        cannot("bind", "/proc");
    return proc;
}

void mounts_replace_proc(int proc) {
    if (syscall(SYS_move_mount, proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        cannot("mount", "/proc");
}

void mounts_bind_console(const char *terminal) {
    AUTO_CLOSE int file =
        openat(AT_FDCWD, "/dev/console", O_CREAT | O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
    AUTO_CLOSE int made = clone_mount(terminal);
    if (file < 0 || made < 0 ||
        syscall(SYS_move_mount, made, "", AT_FDCWD, "/dev/console", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        cannot("mount", "/dev/console");
}
