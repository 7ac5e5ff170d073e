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

#include "btf.h"
#include "maps.h"
#include "object.h"
#include "util.h"

enum { LOG = 1 << 20 };

static const char *const programs[] = {"sys_enter", "sys_exit", "sched_process_exec", "sched_process_fork",
                                       "io_uring_submit_req"};
enum { PROGRAMS = sizeof programs / sizeof *programs, URING = PROGRAMS - 1 /* since Linux 6.4 */ };
static int loaded[PROGRAMS];
static unsigned program_count;

/* ---- programs ---------------------------------------------------------------------------------------- */

/* Returns a descriptor, or -1 with errno and, if there is one, a log of LOG bytes. */
static int try_program(const char *name, uint32_t type, char *log) {
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
    if (log) {
        attributes.log_level = 1;
        attributes.log_buf = pointer(log);
        attributes.log_size = LOG;
    }
    int program = bpf(BPF_PROG_LOAD, &attributes), error = errno;
    close((int)attributes.prog_btf_fd);
    errno = error;
    return program;
}

static int load_program(const char *name) {
    static char log[LOG];
    uint32_t type = btf_tracepoint(name);
    if (!type)
        die(EXIT_PROBE, "ebpf: this kernel has no tracepoint ", name);
    int program = try_program(name, type, NULL);
    if (program < 0 && object_use_helper())
        program = try_program(name, type, NULL);
    if (program >= 0)
        return program;
    int error = errno;
    try_program(name, type, log);
    size_t size = strlen(log);
    die(EXIT_PROBE, "ebpf: the kernel refuses the program at ", name, ": ", strerror(error), "\n",
        size > 1500 ? log + size - 1500 : log);
}

bool load(void) {
    bool follows_uring;
    if (!btf_open())
        die_errno(EXIT_PROBE, "ebpf: the kernel does not describe its types (/sys/kernel/btf/vmlinux)");
    if (btf_offset("dentry", "d_name") != btf_offset("dentry", "d_parent") + 8 ||
        btf_offset("path", "mnt") != 0 || btf_offset("path", "dentry") != 8)
        die(EXIT_PROBE, "ebpf: this kernel's types are not as expected");
    object_open();
    make_maps();
    follows_uring = btf_tracepoint(programs[URING]) != 0;
    program_count = follows_uring ? PROGRAMS : URING;
    for (unsigned i = 0; i < program_count; i++)
        loaded[i] = load_program(programs[i]);
    btf_close();
    for (unsigned i = 0; i < program_count; i++) {
        union bpf_attr attributes = {.raw_tracepoint = {.prog_fd = loaded[i]}};
        if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes) < 0)
            die_errno(EXIT_PROBE, "ebpf: cannot attach to ", programs[i]);
    }
    return follows_uring;
}

uint64_t load_misses(void) {
    uint64_t misses = 0;
    for (unsigned i = 0; i < program_count; i++) {
        struct bpf_prog_info info = {0};
        union bpf_attr attributes = {
            .info = {.bpf_fd = loaded[i], .info_len = sizeof info, .info = pointer(&info)}};
        if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0)
            misses += info.recursion_misses;
    }
    return misses;
}
