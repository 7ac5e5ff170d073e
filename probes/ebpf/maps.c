#define _GNU_SOURCE
#include "maps.h"

#include <errno.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event.h"
#include "util.h"

enum { RING = 32 << 20 };
enum { FIRST_THREADS = 1 << 16 };

const size_t ring_size = RING;
int maps[MAPS];

int bpf(int command, union bpf_attr *attributes) {
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

/* A task storage must have types. Ours only have the sizes of its key and value. */
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
        die(EXIT_PROBE,
            errno == EPERM ? "ebpf: bpf(2) is not permitted: it needs CAP_BPF and CAP_PERFMON"
                           : "ebpf: the kernel cannot make a map: ",
            errno == EPERM ? NULL : strerror(errno));
}

void make_maps(void) {
    make_map(MAP_RULES, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct rule), CALL_RULES, 0);
    make_map(MAP_SCRATCH, BPF_MAP_TYPE_PERCPU_ARRAY, 4, SCRATCH_ROOM, 1, 0);
    make_map(MAP_SETTINGS, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct settings), 1, 0);
    make_map(MAP_COUNTERS, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, COUNTERS, 0);
    make_map(MAP_SEEN, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct bucket), BUCKETS, 0);
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
