#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../util.h"
#include "btf.h"
#include "event.h"
#include "object.h"

enum { LOG = 1 << 20, RING = 32 << 20 };
enum { MEMBERS = 1 << 20, MEMBERS_BEFORE_6_1 = 1 << 18, FIRST_THREADS = 1 << 16 };

const size_t ring_size = RING;
int maps[MAPS];

static const char *const programs[] = {"sys_enter", "sys_exit", "sched_process_exec", "sched_process_fork"};
enum { PROGRAMS = sizeof programs / sizeof *programs };
static int loaded[PROGRAMS];

static int bpf(int command, union bpf_attr *attributes) {
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static uint64_t pointer(const void *address) { return (uintptr_t)address; }

/* ---- maps -------------------------------------------------------------------------------------------- */

/* A task storage must have types. Ours say how large its key and value are, and no more. */
static int load_types(void) {
    static struct {
        struct btf_header header;
        struct btf_type number;
        uint32_t encoding;
        struct btf_type state;
        char strings[16];
    } types;
    size_t size = sizeof types.number + sizeof types.encoding + sizeof types.state;
    types.header = (struct btf_header){.magic = BTF_MAGIC,
                                       .version = 1,
                                       .hdr_len = sizeof types.header,
                                       .type_len = size,
                                       .str_off = size,
                                       .str_len = sizeof types.strings};
    memcpy(types.strings, "\0int\0state", 10);
    types.number = (struct btf_type){.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4};
    types.encoding = BTF_INT_SIGNED << 24 | 32;
    types.state = (struct btf_type){.name_off = 5, .info = BTF_KIND_STRUCT << 24, .size = STATE_ROOM};
    union bpf_attr attributes = {.btf = pointer(&types), .btf_size = sizeof types};
    return bpf(BPF_BTF_LOAD, &attributes);
}

static bool is_before_6_1(void) {
    struct utsname name;
    if (uname(&name) < 0)
        return true;
    long major = strtol(name.release, NULL, 10);
    const char *dot = strchr(name.release, '.');
    return major < 6 || (major == 6 && (!dot || strtol(dot + 1, NULL, 10) < 1));
}

static void make_map(enum map map, uint32_t type, uint32_t key, uint32_t value, uint32_t entries,
                     uint32_t flags) {
    union bpf_attr attributes = {
        .map_type = type, .key_size = key, .value_size = value, .max_entries = entries, .map_flags = flags};
    if (type == BPF_MAP_TYPE_TASK_STORAGE) {
        attributes.btf_fd = load_types();
        attributes.btf_key_type_id = 1;
        attributes.btf_value_type_id = 2;
    }
    maps[map] = bpf(BPF_MAP_CREATE, &attributes);
    if (maps[map] < 0)
        fail(EXIT_PROBE,
             errno == EPERM ? "ebpf: bpf(2) is not permitted: it needs CAP_BPF and CAP_PERFMON"
                            : "ebpf: the kernel cannot make a map: ",
             errno == EPERM ? NULL : strerror(errno));
}

static void make_maps(void) {
    bool old = is_before_6_1(); /* programs of this kind may not fill a map that grows */
    make_map(MAP_RULES, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct rule), CALL_RULES, 0);
    make_map(MAP_SCRATCH, BPF_MAP_TYPE_PERCPU_ARRAY, 4, SCRATCH_ROOM, 1, 0);
    make_map(MAP_SETTINGS, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct settings), 1, 0);
    make_map(MAP_COUNTERS, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, COUNTERS, 0);
    make_map(MAP_SEEN, BPF_MAP_TYPE_HASH, sizeof(struct identifier), 8, old ? MEMBERS_BEFORE_6_1 : MEMBERS,
             old ? 0 : BPF_F_NO_PREALLOC);
    make_map(MAP_STATES, BPF_MAP_TYPE_TASK_STORAGE, 4, STATE_ROOM, 0, BPF_F_NO_PREALLOC);
    make_map(MAP_RING, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0);
    make_map(MAP_FIRST, BPF_MAP_TYPE_HASH, 4, 4, FIRST_THREADS, 0);
}

int map_update(enum map map, const void *key, const void *value) {
    union bpf_attr attributes = {.map_fd = maps[map], .key = pointer(key), .value = pointer(value)};
    return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

int map_lookup(enum map map, const void *key, void *value) {
    union bpf_attr attributes = {.map_fd = maps[map], .key = pointer(key), .value = pointer(value)};
    return bpf(BPF_MAP_LOOKUP_ELEM, &attributes);
}

/* ---- programs ---------------------------------------------------------------------------------------- */

static int load_program(const char *name) {
    uint32_t type = btf_tracepoint(name);
    if (!type)
        fail(EXIT_PROBE, "ebpf: this kernel has no tracepoint ", name);
    struct program made = object_program(name);
    union bpf_attr types = {.btf = pointer(made.types), .btf_size = made.types_size};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_TRACING,
                                 .expected_attach_type = BPF_TRACE_RAW_TP,
                                 .attach_btf_id = type,
                                 .insns = pointer(made.code),
                                 .insn_cnt = made.size,
                                 .prog_btf_fd = bpf(BPF_BTF_LOAD, &types),
                                 .func_info_rec_size = sizeof *made.functions,
                                 .func_info = pointer(made.functions),
                                 .func_info_cnt = made.function_count,
                                 .license = pointer("Dual MIT/GPL")};
    int program = bpf(BPF_PROG_LOAD, &attributes);
    if (program >= 0)
        return program;
    int error = errno;
    static char log[LOG];
    attributes.log_level = 1;
    attributes.log_buf = pointer(log);
    attributes.log_size = sizeof log;
    bpf(BPF_PROG_LOAD, &attributes);
    size_t size = strlen(log);
    fail(EXIT_PROBE, "ebpf: the kernel refuses the program at ", name, ": ", strerror(error), "\n",
         size > 1500 ? log + size - 1500 : log);
}

void load(void) {
    if (!btf_open())
        fail(EXIT_PROBE,
             "ebpf: the kernel does not describe its types (/sys/kernel/btf/vmlinux): ", strerror(errno));
    if (btf_offset("dentry", "d_name") != btf_offset("dentry", "d_parent") + 8 ||
        btf_offset("path", "mnt") != 0 || btf_offset("path", "dentry") != 8)
        fail(EXIT_PROBE, "ebpf: this kernel's types are not as expected");
    object_open();
    make_maps();
    for (unsigned i = 0; i < PROGRAMS; i++)
        loaded[i] = load_program(programs[i]);
    btf_close();
    for (unsigned i = 0; i < PROGRAMS; i++) {
        union bpf_attr attributes = {.raw_tracepoint = {.prog_fd = loaded[i]}};
        if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes) < 0)
            fail(EXIT_PROBE, "ebpf: cannot attach to ", programs[i], ": ", strerror(errno));
    }
}

uint64_t load_misses(void) {
    uint64_t misses = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct bpf_prog_info info = {0};
        union bpf_attr attributes = {
            .info = {.bpf_fd = loaded[i], .info_len = sizeof info, .info = pointer(&info)}};
        if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0)
            misses += info.recursion_misses;
    }
    return misses;
}
