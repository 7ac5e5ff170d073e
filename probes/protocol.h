/* The two protocols that the probe speaks over its standard input and output. The Python twins are
 * tracewhale/tracing/stream.py (events) and tracewhale/rootfs/served_tree.py (files).
 *
 * All integers are little-endian and unaligned. A string is its bytes and a NUL.
 *
 * 1. `probe agent` writes events, each
 *
 *        u32 size      of all that follows
 *        u8  type
 *        ...
 *
 *    H  hello:       u32 version, u32 features (FEATURE_*)
 *    P  program:     u32 id, string path          before the first record that uses the id
 *    A  access:      u8 access (ACCESS_*), u8 flags (FLAG_*), u32 pid, u32 program, u64 received,
 *                    string path, string real ("" when absent or equal), string root ("" for "/");
 *                    real is never inside root: it is the path from the agent's own "/"
 *    E  exec:        u32 pid, u32 program (the one that asked), string path,
 *                    then NAME=VALUE strings of LD_* in the new environment, to the end of the record;
 *                    once for each path with each such environment; `path` includes the root
 *    U  unresolved:  u8 access, u32 pid, u32 program, u32 errno, string reason
 *    S  started:     u32 listener, u32 errno, string stage: a program entered; errno 0 when its exec
 *                    succeeded (known by its close-on-exec socket); else the stage says what could not be
 *                    done, as a verb: "find", "filter", "set the user of", "execute"...
 *    G  gone:        u32 listener: no process is left under this filter
 *    X  ended:       u32 pid, u32 program, u32 status: a process of the command (listener 0) ended with this
 *                    status, which is not 0, or with EXIT_SIGNAL by a signal; EXIT_UNKNOWN: from now on not
 *                    all ends are known
 *    L  listening:   u16 port: a TCP socket now listens on it
 *    B  busy:        u32 pid, u32 program: it requested a listener of its own, which it cannot have
 *    C  counters:    u64 received, u64 recorded, u64 repeated, u64 unresolved, u64 ignored
 *
 *    The facts in a record were read before its call was allowed to continue. It is written completely,
 *    within about 20 ms (100 ms by `probe ebpf`): the agent does not end with its tracees.
 *    `received` in A counts the notifications so far, this one included; a call with two paths has two
 *    records with the same, and an execution has one more for each interpreter that the kernel opens for it.
 *    `recorded` in C counts notifications with at least one A record, `repeated` those that named nothing
 *    new, `ignored` those that name nothing (AT_EMPTY_PATH, sockets that are no files...). A C record is
 * written when they change, ten times a second at most, when it is ordered (agent.c), and at the end.
 *
 * 2. `probe serve` answers requests in order, each
 *
 *        u8 op, u32 size, payload            op:  S scan  R read  P pack
 *
 *    with     u32 errno, u64 size, payload   (errno not 0: size is 0)
 *
 *    S  payload: path of a directory. Answer: for each entry, `.` and `..` left out,
 *         u8 type (DT_*), u32 mode (07777), u32 uid, u32 gid, u64 size, i64 mtime seconds,
 *         u32 mtime nanoseconds, u64 device, u64 inode, u64 nlink, u32 rdev major, u32 rdev minor,
 *         string name, string target (of a symbolic link, else "")
 *    R  payload: u64 offset, u64 size (all ones: to the end), path. Answer: the bytes.
 *    P  payload: path. Answer: one entry as in S with the whole path as its name, u32 count of
 *         extended attributes, each string name, u32 size, bytes; then a regular file's contents.
 *         A file that shrinks while it is read is padded with NULs to its size: the size was promised.
 *
 *    Paths in requests are absolute and physical: no symbolic link is followed, not even in their
 *    parents (ELOOP or ENOTDIR instead), and they may be longer than PATH_MAX.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#define PROTOCOL_VERSION 1

enum feature { FEATURE_WAIT_KILLABLE = 1, FEATURE_SYNC_WAKE_UP = 2 };

/* Same order as tracewhale.tracing.events.Access. */
enum access {
    ACCESS_EXEC,
    ACCESS_READ,
    ACCESS_WRITE,
    ACCESS_CREATE,
    ACCESS_STAT,
    ACCESS_ACCESS,
    ACCESS_READLINK,
    ACCESS_LIST,
    ACCESS_CHDIR,
    ACCESS_CHROOT,
    ACCESS_STATFS,
    ACCESS_XATTR,
    ACCESS_MKDIR,
    ACCESS_MKNOD,
    ACCESS_RENAME_FROM,
    ACCESS_RENAME_TO,
    ACCESS_LINK_FROM,
    ACCESS_LINK_TO,
    ACCESS_SYMLINK,
    ACCESS_UNLINK,
    ACCESS_TRUNCATE,
    ACCESS_ATTRIBUTES,
    ACCESS_WATCH,
    ACCESS_CONNECT,
    ACCESS_BIND,
    ACCESS_MOUNT,
    ACCESS_MAP
};

/* The end of a process that did not exit. */
enum process_end { EXIT_SIGNAL = 256, EXIT_UNKNOWN };

/* FLAG_PRESENT: the path existed at that moment. FLAG_NOFOLLOW: a final symbolic link is not followed. */
enum flag { FLAG_PRESENT = 1, FLAG_NOFOLLOW = 2 };

#endif
