/* The table of trapped calls. Numbers are from asm/unistd*.h of each architecture. */
#include "calls.h"

#include <linux/audit.h>
#include <linux/fanotify.h>
#include <sys/inotify.h>

#include "protocol.h"

#define NOFOLLOW_BIT 0x100 /* AT_SYMLINK_NOFOLLOW, of every *at call */
#define FOLLOW_BIT 0x400   /* AT_SYMLINK_FOLLOW */
#define UMOUNT_NOFOLLOW 8
#define MOVE_MOUNT_F_SYMLINKS 0x01
#define MOVE_MOUNT_T_SYMLINKS 0x10
#define FSPICK_SYMLINK_NOFOLLOW 2
#define NO_NAME                                                                                              \
    { 0, -1, -1, 0, -1, 0 }

/* clang-format off */
const struct call calls[] = {
    /* {x86_64, i386, aarch64, arm}, kind, roots, {access, dirfd, path, nofollow, flags, toggle} twice */
    {{2, 5, -1, 5}, CALL_OPEN, 0, {{ACCESS_READ, -1, 0, 0, 1, 0}, NO_NAME}}, /* open */
    {{257, 295, 56, 322}, CALL_OPEN, 0, {{ACCESS_READ, 0, 1, 0, 2, 0}, NO_NAME}}, /* openat */
    {{437, 437, 437, 437}, CALL_OPENAT2, 0, {{ACCESS_READ, 0, 1, 0, 2, 0}, NO_NAME}}, /* openat2 */
    {{85, 8, -1, 8}, CALL_PATH, 0, {{ACCESS_CREATE, -1, 0, 0, -1, 0}, NO_NAME}}, /* creat */
    {{4, 106, -1, 106}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 0, -1, 0}, NO_NAME}}, /* stat */
    {{-1, 195, -1, 195}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 0, -1, 0}, NO_NAME}}, /* stat64 */
    {{-1, 18, -1, -1}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 0, -1, 0}, NO_NAME}}, /* oldstat */
    {{6, 107, -1, 107}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 1, -1, 0}, NO_NAME}}, /* lstat */
    {{-1, 196, -1, 196}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 1, -1, 0}, NO_NAME}}, /* lstat64 */
    {{-1, 84, -1, -1}, CALL_PATH, 0, {{ACCESS_STAT, -1, 0, 1, -1, 0}, NO_NAME}}, /* oldlstat */
    {{262, 300, 79, 327}, CALL_PATH, 0, {{ACCESS_STAT, 0, 1, 0, 3, NOFOLLOW_BIT}, NO_NAME}}, /* newfstatat/fstatat64 */
    {{332, 383, 291, 397}, CALL_PATH, 0, {{ACCESS_STAT, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* statx */
    {{303, 341, 264, 370}, CALL_PATH, 0, {{ACCESS_STAT, 0, 1, 1, 4, FOLLOW_BIT}, NO_NAME}}, /* name_to_handle_at */
    {{468, 468, 468, 468}, CALL_PATH, 0, {{ACCESS_STAT, 0, 1, 0, 4, NOFOLLOW_BIT}, NO_NAME}}, /* file_getattr */
    {{21, 33, -1, 33}, CALL_PATH, 0, {{ACCESS_ACCESS, -1, 0, 0, -1, 0}, NO_NAME}}, /* access */
    {{269, 307, 48, 334}, CALL_PATH, 0, {{ACCESS_ACCESS, 0, 1, 0, -1, 0}, NO_NAME}}, /* faccessat */
    {{439, 439, 439, 439}, CALL_PATH, 0, {{ACCESS_ACCESS, 0, 1, 0, 3, NOFOLLOW_BIT}, NO_NAME}}, /* faccessat2 */
    {{89, 85, -1, 85}, CALL_PATH, 0, {{ACCESS_READLINK, -1, 0, 1, -1, 0}, NO_NAME}}, /* readlink */
    {{267, 305, 78, 332}, CALL_PATH, 0, {{ACCESS_READLINK, 0, 1, 1, -1, 0}, NO_NAME}}, /* readlinkat */
    {{59, 11, 221, 11}, CALL_EXEC, 0, {{ACCESS_EXEC, -1, 0, 0, -1, 0}, NO_NAME}}, /* execve */
    {{322, 358, 281, 387}, CALL_EXEC, 0, {{ACCESS_EXEC, 0, 1, 0, 4, NOFOLLOW_BIT}, NO_NAME}}, /* execveat */
    {{520, -1, -1, -1}, CALL_EXEC, 0, {{ACCESS_EXEC, -1, 0, 0, -1, 0}, NO_NAME}}, /* execve of x32 */
    {{545, -1, -1, -1}, CALL_EXEC, 0, {{ACCESS_EXEC, 0, 1, 0, 4, NOFOLLOW_BIT}, NO_NAME}}, /* execveat of x32 */
    {{134, 86, -1, 86}, CALL_PATH, 0, {{ACCESS_MAP, -1, 0, 0, -1, 0}, NO_NAME}}, /* uselib */
    {{78, 141, -1, 141}, CALL_LIST, 0, {{ACCESS_LIST, 0, -1, 0, -1, 0}, NO_NAME}}, /* getdents */
    {{217, 220, 61, 217}, CALL_LIST, 0, {{ACCESS_LIST, 0, -1, 0, -1, 0}, NO_NAME}}, /* getdents64 */
    {{-1, 89, -1, 89}, CALL_LIST, 0, {{ACCESS_LIST, 0, -1, 0, -1, 0}, NO_NAME}}, /* readdir */
    {{80, 12, 49, 12}, CALL_PATH, 0, {{ACCESS_CHDIR, -1, 0, 0, -1, 0}, NO_NAME}}, /* chdir */
    {{161, 61, 51, 61}, CALL_PATH, 1, {{ACCESS_CHROOT, -1, 0, 0, -1, 0}, NO_NAME}}, /* chroot */
    {{137, 99, 43, 99}, CALL_PATH, 0, {{ACCESS_STATFS, -1, 0, 0, -1, 0}, NO_NAME}}, /* statfs */
    {{-1, 268, -1, 266}, CALL_PATH, 0, {{ACCESS_STATFS, -1, 0, 0, -1, 0}, NO_NAME}}, /* statfs64 */
    {{191, 229, 8, 229}, CALL_PATH, 0, {{ACCESS_XATTR, -1, 0, 0, -1, 0}, NO_NAME}}, /* getxattr */
    {{192, 230, 9, 230}, CALL_PATH, 0, {{ACCESS_XATTR, -1, 0, 1, -1, 0}, NO_NAME}}, /* lgetxattr */
    {{464, 464, 464, 464}, CALL_PATH, 0, {{ACCESS_XATTR, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* getxattrat */
    {{194, 232, 11, 232}, CALL_PATH, 0, {{ACCESS_XATTR, -1, 0, 0, -1, 0}, NO_NAME}}, /* listxattr */
    {{195, 233, 12, 233}, CALL_PATH, 0, {{ACCESS_XATTR, -1, 0, 1, -1, 0}, NO_NAME}}, /* llistxattr */
    {{465, 465, 465, 465}, CALL_PATH, 0, {{ACCESS_XATTR, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* listxattrat */
    {{188, 226, 5, 226}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* setxattr */
    {{189, 227, 6, 227}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 1, -1, 0}, NO_NAME}}, /* lsetxattr */
    {{463, 463, 463, 463}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* setxattrat */
    {{197, 235, 14, 235}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* removexattr */
    {{198, 236, 15, 236}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 1, -1, 0}, NO_NAME}}, /* lremovexattr */
    {{466, 466, 466, 466}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* removexattrat */
    {{83, 39, -1, 39}, CALL_PATH, 0, {{ACCESS_MKDIR, -1, 0, 1, -1, 0}, NO_NAME}}, /* mkdir */
    {{258, 296, 34, 323}, CALL_PATH, 0, {{ACCESS_MKDIR, 0, 1, 1, -1, 0}, NO_NAME}}, /* mkdirat */
    {{133, 14, -1, 14}, CALL_PATH, 0, {{ACCESS_MKNOD, -1, 0, 1, -1, 0}, NO_NAME}}, /* mknod */
    {{259, 297, 33, 324}, CALL_PATH, 0, {{ACCESS_MKNOD, 0, 1, 1, -1, 0}, NO_NAME}}, /* mknodat */
    {{82, 38, -1, 38}, CALL_PATH, 0, {{ACCESS_RENAME_FROM, -1, 0, 1, -1, 0}, {ACCESS_RENAME_TO, -1, 1, 1, -1, 0}}}, /* rename */
    {{264, 302, 38, 329}, CALL_PATH, 0, {{ACCESS_RENAME_FROM, 0, 1, 1, -1, 0}, {ACCESS_RENAME_TO, 2, 3, 1, -1, 0}}}, /* renameat */
    {{316, 353, 276, 382}, CALL_PATH, 0, {{ACCESS_RENAME_FROM, 0, 1, 1, -1, 0}, {ACCESS_RENAME_TO, 2, 3, 1, -1, 0}}}, /* renameat2 */
    {{86, 9, -1, 9}, CALL_PATH, 0, {{ACCESS_LINK_FROM, -1, 0, 1, -1, 0}, {ACCESS_LINK_TO, -1, 1, 1, -1, 0}}}, /* link */
    {{265, 303, 37, 330}, CALL_PATH, 0, {{ACCESS_LINK_FROM, 0, 1, 1, 4, FOLLOW_BIT}, {ACCESS_LINK_TO, 2, 3, 1, -1, 0}}}, /* linkat */
    {{88, 83, -1, 83}, CALL_PATH, 0, {{ACCESS_SYMLINK, -1, 1, 1, -1, 0}, NO_NAME}}, /* symlink */
    {{266, 304, 36, 331}, CALL_PATH, 0, {{ACCESS_SYMLINK, 1, 2, 1, -1, 0}, NO_NAME}}, /* symlinkat */
    {{87, 10, -1, 10}, CALL_PATH, 0, {{ACCESS_UNLINK, -1, 0, 1, -1, 0}, NO_NAME}}, /* unlink */
    {{263, 301, 35, 328}, CALL_PATH, 0, {{ACCESS_UNLINK, 0, 1, 1, -1, 0}, NO_NAME}}, /* unlinkat */
    {{84, 40, -1, 40}, CALL_PATH, 0, {{ACCESS_UNLINK, -1, 0, 1, -1, 0}, NO_NAME}}, /* rmdir */
    {{76, 92, 45, 92}, CALL_PATH, 0, {{ACCESS_TRUNCATE, -1, 0, 0, -1, 0}, NO_NAME}}, /* truncate */
    {{-1, 193, -1, 193}, CALL_PATH, 0, {{ACCESS_TRUNCATE, -1, 0, 0, -1, 0}, NO_NAME}}, /* truncate64 */
    {{90, 15, -1, 15}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* chmod */
    {{268, 306, 53, 333}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, -1, 0}, NO_NAME}}, /* fchmodat */
    {{452, 452, 452, 452}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 3, NOFOLLOW_BIT}, NO_NAME}}, /* fchmodat2 */
    {{92, 182, -1, 182}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* chown */
    {{-1, 212, -1, 212}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* chown32 */
    {{94, 16, -1, 16}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 1, -1, 0}, NO_NAME}}, /* lchown */
    {{-1, 198, -1, 198}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 1, -1, 0}, NO_NAME}}, /* lchown32 */
    {{260, 298, 54, 325}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 4, NOFOLLOW_BIT}, NO_NAME}}, /* fchownat */
    {{132, 30, -1, 30}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* utime */
    {{235, 271, -1, 269}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, -1, 0, 0, -1, 0}, NO_NAME}}, /* utimes */
    {{261, 299, -1, 326}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, -1, 0}, NO_NAME}}, /* futimesat */
    {{280, 320, 88, 348}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 3, NOFOLLOW_BIT}, NO_NAME}}, /* utimensat */
    {{-1, 412, -1, 412}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 3, NOFOLLOW_BIT}, NO_NAME}}, /* utimensat_time64 */
    {{469, 469, 469, 469}, CALL_PATH, 0, {{ACCESS_ATTRIBUTES, 0, 1, 0, 4, NOFOLLOW_BIT}, NO_NAME}}, /* file_setattr */
    {{254, 292, 27, 317}, CALL_PATH, 0, {{ACCESS_WATCH, -1, 1, 0, 2, IN_DONT_FOLLOW}, NO_NAME}}, /* inotify_add_watch */
    {{301, -1, 263, -1}, CALL_PATH, 0, {{ACCESS_WATCH, 3, 4, 0, 1, FAN_MARK_DONT_FOLLOW}, NO_NAME}}, /* fanotify_mark */
    {{-1, 339, -1, 368}, CALL_PATH, 0, {{ACCESS_WATCH, 4, 5, 0, 1, FAN_MARK_DONT_FOLLOW}, NO_NAME}}, /* fanotify_mark with its mask in two registers */
    {{42, 362, 203, 283}, CALL_SOCKET, 0, {{ACCESS_CONNECT, -1, 1, 0, 2, 0}, NO_NAME}}, /* connect */
    {{49, 361, 200, 282}, CALL_SOCKET, 0, {{ACCESS_BIND, -1, 1, 1, 2, 0}, NO_NAME}}, /* bind */
    {{-1, 102, -1, -1}, CALL_SOCKETCALL, 0, {{ACCESS_CONNECT, -1, 1, 0, 2, 0}, NO_NAME}}, /* socketcall */
    {{165, 21, 40, 21}, CALL_PATH, 1, {{ACCESS_MOUNT, -1, 1, 0, -1, 0}, NO_NAME}}, /* mount */
    {{166, 52, 39, 52}, CALL_PATH, 0, {{ACCESS_MOUNT, -1, 0, 0, 1, UMOUNT_NOFOLLOW}, NO_NAME}}, /* umount2 */
    {{-1, 22, -1, 22}, CALL_PATH, 0, {{ACCESS_MOUNT, -1, 0, 0, -1, 0}, NO_NAME}}, /* umount */
    {{155, 217, 41, 218}, CALL_PATH, 1, {{ACCESS_MOUNT, -1, 0, 0, -1, 0}, {ACCESS_MOUNT, -1, 1, 0, -1, 0}}}, /* pivot_root */
    {{428, 428, 428, 428}, CALL_PATH, 0, {{ACCESS_MOUNT, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* open_tree */
    {{467, 467, 467, 467}, CALL_PATH, 0, {{ACCESS_MOUNT, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* open_tree_attr */
    {{429, 429, 429, 429}, CALL_PATH, 1, {{ACCESS_MOUNT, 0, 1, 1, 4, MOVE_MOUNT_F_SYMLINKS}, {ACCESS_MOUNT, 2, 3, 1, 4, MOVE_MOUNT_T_SYMLINKS}}}, /* move_mount */
    {{442, 442, 442, 442}, CALL_PATH, 0, {{ACCESS_MOUNT, 0, 1, 0, 2, NOFOLLOW_BIT}, NO_NAME}}, /* mount_setattr */
    {{433, 433, 433, 433}, CALL_PATH, 0, {{ACCESS_MOUNT, 0, 1, 0, 2, FSPICK_SYMLINK_NOFOLLOW}, NO_NAME}}, /* fspick */
    {{167, 87, 224, 87}, CALL_PATH, 0, {{ACCESS_READ, -1, 0, 0, -1, 0}, NO_NAME}}, /* swapon */
    {{168, 115, 225, 115}, CALL_PATH, 0, {{ACCESS_READ, -1, 0, 0, -1, 0}, NO_NAME}}, /* swapoff */
    {{60, 1, 93, 1}, CALL_EXIT, 0, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* exit */
    {{231, 252, 94, 248}, CALL_EXIT_GROUP, 0, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* exit_group */
    {{50, 363, 201, 284}, CALL_LISTEN, 0, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* listen */
    {{308, 346, 268, 375}, CALL_NOTHING, 1, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* setns */
    {{272, 310, 97, 337}, CALL_NOTHING, 1, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* unshare */
    {{317, 354, 277, 383}, CALL_FILTER, 0, {{ACCESS_READ, -1, -1, 0, -1, 0}, NO_NAME}}, /* seccomp */
};
/* clang-format on */

const size_t calls_count = sizeof calls / sizeof *calls;

uint32_t arch_audit(enum arch arch) {
    static const uint32_t audit[ARCH_COUNT] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
                                               AUDIT_ARCH_ARM};
    return audit[arch];
}

enum { NUMBERS = 1024 };

static uint8_t index_of[2][NUMBERS]; /* 1 + index in `calls`; native, compat */

static void build_index(void) {
    for (size_t i = 0; i < calls_count; i++) {
        int16_t native = calls[i].number[NATIVE_ARCH], compat = calls[i].number[COMPAT_ARCH];
        if (native >= 0)
            index_of[0][native] = i + 1;
        if (compat >= 0)
            index_of[1][compat] = i + 1;
    }
}

const struct call *call_find(uint32_t audit, uint32_t number) {
    static int built;
    if (!built) {
        build_index();
        built = 1;
    }
    number &= ~X32_BIT;
    if (number >= NUMBERS)
        return NULL;
    unsigned index = index_of[audit != arch_audit(NATIVE_ARCH)][number];
    return index ? &calls[index - 1] : NULL;
}
