#define _GNU_SOURCE
#include "load.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../util.h"
#include "btf.h"
#include "event.h"

static const unsigned char object[] __attribute__((aligned(8))) = {
#include "kernel.bpf.inc"
};

enum { INSTRUCTIONS = 1 << 14, FUNCTIONS = 64, LOG = 1 << 20, RING = 32 << 20 };
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

/* ---- the object -------------------------------------------------------------------------------------- */

static const Elf64_Ehdr *const header = (const Elf64_Ehdr *)object;
static const Elf64_Shdr *sections;
static const Elf64_Sym *symbols;
static size_t symbol_count;
static const char *symbol_names, *section_names;
static uint64_t secret[2];

static void open_object(void) {
    sections = (const Elf64_Shdr *)(object + header->e_shoff);
    section_names = (const char *)object + sections[header->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        symbols = (const Elf64_Sym *)(object + sections[i].sh_offset);
        symbol_count = sections[i].sh_size / sizeof *symbols;
        symbol_names = (const char *)object + sections[sections[i].sh_link].sh_offset;
    }
}

static unsigned section_named(const char *name) {
    for (unsigned i = 1; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_PROGBITS && !strcmp(section_names + sections[i].sh_name, name))
            return i;
    return 0;
}

/* One program: that of a section, and the functions of .text that it calls, each copied once. */
static struct bpf_insn code[INSTRUCTIONS];
static unsigned used;
static struct {
    const char *name;
    uint64_t from; /* offset in .text */
    unsigned at;
} functions[FUNCTIONS]; /* the first is the program itself */
static unsigned function_count;

static void copy(unsigned section, uint64_t offset, uint64_t size);

static void add_function(const char *name, uint64_t from) {
    functions[function_count].name = name;
    functions[function_count].from = from;
    functions[function_count++].at = used;
}

/* Where the function is that begins at an offset of .text. */
static unsigned function_at(unsigned text, uint64_t offset) {
    for (unsigned i = 1; i < function_count; i++)
        if (functions[i].from == offset)
            return functions[i].at;
    for (size_t i = 0; i < symbol_count; i++) {
        const Elf64_Sym *symbol = &symbols[i];
        if (symbol->st_shndx != text || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
            symbol->st_value != offset || function_count == FUNCTIONS)
            continue;
        unsigned at = used;
        add_function(symbol_names + symbol->st_name, offset);
        copy(text, offset, symbol->st_size);
        return at;
    }
    fail(EXIT_PROBE, "ebpf: its programs call what is not there");
}

static uint64_t value_of(const char *name) {
    static const char *const map_names[MAPS] = {"map_rules", "map_scratch", "map_settings", "map_counters",
                                                "map_seen",  "map_states",  "map_ring",     "map_first"};
    for (unsigned i = 0; i < MAPS; i++)
        if (!strcmp(name, map_names[i]))
            return maps[i];
    if (!strcmp(name, "secret__low"))
        return secret[0];
    if (!strcmp(name, "secret__high"))
        return secret[1];
    char structure[64];
    const char *member = strstr(name, "__");
    if (!member || (size_t)(member - name) >= sizeof structure)
        fail(EXIT_PROBE, "ebpf: its programs want ", name);
    memcpy(structure, name, member - name);
    structure[member - name] = 0;
    long offset = btf_offset(structure, member + 2);
    if (offset < 0)
        fail(EXIT_PROBE, "ebpf: this kernel's types lack ", name);
    return offset;
}

static void relocate(unsigned at, const Elf64_Sym *symbol) {
    const char *name = symbol_names + symbol->st_name;
    uint64_t value = value_of(name);
    if (!strncmp(name, "map_", 4))
        code[at].src_reg = BPF_PSEUDO_MAP_FD;
    code[at].imm = value;
    code[at + 1].imm = value >> 32;
}

/* A call's target: what a relocation says, else, within .text, relative to the call. */
static void relocate_call(unsigned at, uint64_t offset) {
    unsigned target = function_at(section_named(".text"), offset);
    code[at].imm = (int)target - (int)at - 1;
}

static const Elf64_Rel *relocations(unsigned section, size_t *count) {
    for (unsigned i = 1; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_REL && sections[i].sh_info == section) {
            *count = sections[i].sh_size / sizeof(Elf64_Rel);
            return (const Elf64_Rel *)(object + sections[i].sh_offset);
        }
    *count = 0;
    return NULL;
}

static bool is_call(const struct bpf_insn *instruction) {
    return instruction->code == (BPF_JMP | BPF_CALL) && instruction->src_reg == BPF_PSEUDO_CALL;
}

static void copy(unsigned section, uint64_t offset, uint64_t size) {
    unsigned start = used;
    size_t count;
    if (size / 8 > INSTRUCTIONS - used)
        fail(EXIT_PROBE, "ebpf: its programs are too large");
    memcpy(code + used, object + sections[section].sh_offset + offset, size);
    used += size / 8;
    uint64_t *called = calloc(size / 8, sizeof *called); /* 1 + the offset that a relocation says */
    if (!called)
        fail(EXIT_PROBE, "ebpf: no memory");
    const Elf64_Rel *relocation = relocations(section, &count);
    for (; count; count--, relocation++) {
        if (relocation->r_offset < offset || relocation->r_offset >= offset + size)
            continue;
        unsigned at = (relocation->r_offset - offset) / 8;
        const Elf64_Sym *symbol = &symbols[ELF64_R_SYM(relocation->r_info)];
        bool is_pointer = symbol->st_shndx == section_named(".text") && symbol->st_shndx;
        if (is_call(&code[start + at]))
            called[at] = 1 + symbol->st_value + (code[start + at].imm + 1) * 8;
        else if (is_pointer)
            called[at] = 1 + symbol->st_value + code[start + at].imm;
        else
            relocate(start + at, symbol);
    }
    for (unsigned at = 0; at < size / 8; at++) {
        struct bpf_insn *instruction = &code[start + at];
        if (is_call(instruction))
            relocate_call(start + at,
                          called[at] ? called[at] - 1 : offset + (at + (int64_t)instruction->imm + 1) * 8);
        else if (called[at]) {
            instruction->src_reg = BPF_PSEUDO_FUNC;
            relocate_call(start + at, called[at] - 1);
        }
    }
    free(called);
}

/* ---- types of functions ------------------------------------------------------------------------------ */

/* The verifier looks at these once (ALONE in kernel.bpf.c), and wants to know of numbers how many they take.
 */
static const struct {
    const char *name;
    unsigned arguments;
} alone[] = {{"is_below", 2},  {"number_of", 5},   {"write_path", 2},
             {"tell_path", 4}, {"fingerprint", 3}, {"loader_variables", 1}};
enum { ARGUMENTS = 5, TYPES_ROOM = 8192 };

static struct bpf_func_info infos[FUNCTIONS];

static void add_type(char *types, uint32_t *size, struct btf_type type) {
    memcpy(types + *size, &type, sizeof type);
    *size += sizeof type;
}

/* Describes the functions of the program: type 1 is the number, 2 + n a function of n numbers. */
static int load_function_types(void) {
    static char bytes[sizeof(struct btf_header) + 2 * TYPES_ROOM];
    char *types = bytes + sizeof(struct btf_header), strings[TYPES_ROOM] = "";
    uint32_t size = 0, encoding = 64, text = 1;
    append(strings + text, "number");
    add_type(types, &size, (struct btf_type){.name_off = text, .info = BTF_KIND_INT << 24, .size = 8});
    memcpy(types + size, &encoding, sizeof encoding);
    size += sizeof encoding;
    text += strlen(strings + text) + 1;
    append(strings + text, "argument");
    for (uint32_t n = 0; n <= ARGUMENTS; n++) {
        add_type(types, &size, (struct btf_type){.info = BTF_KIND_FUNC_PROTO << 24 | n, .type = 1});
        for (uint32_t i = 0; i < n; i++, size += sizeof(struct btf_param))
            memcpy(types + size, &(struct btf_param){.name_off = text, .type = 1}, sizeof(struct btf_param));
    }
    text += strlen(strings + text) + 1;
    for (unsigned i = 0; i < function_count; i++) {
        uint32_t linkage = BTF_FUNC_STATIC, proto = 2;
        for (unsigned j = 0; i && j < sizeof alone / sizeof *alone; j++)
            if (!strcmp(functions[i].name, alone[j].name))
                linkage = BTF_FUNC_GLOBAL, proto = 2 + alone[j].arguments;
        if (text + strlen(functions[i].name) + 1 > TYPES_ROOM || size + sizeof(struct btf_type) > TYPES_ROOM)
            fail(EXIT_PROBE, "ebpf: its programs have too many functions");
        add_type(types, &size,
                 (struct btf_type){.name_off = text, .info = BTF_KIND_FUNC << 24 | linkage, .type = proto});
        infos[i] = (struct bpf_func_info){.insn_off = functions[i].at, .type_id = 2 + ARGUMENTS + 1 + i};
        append(strings + text, functions[i].name);
        text += strlen(functions[i].name) + 1;
    }
    memcpy(types + size, strings, text);
    struct btf_header header = {.magic = BTF_MAGIC,
                                .version = 1,
                                .hdr_len = sizeof header,
                                .type_len = size,
                                .str_off = size,
                                .str_len = text};
    memcpy(bytes, &header, sizeof header);
    union bpf_attr attributes = {.btf = pointer(bytes), .btf_size = sizeof header + size + text};
    return bpf(BPF_BTF_LOAD, &attributes);
}

/* ---- programs ---------------------------------------------------------------------------------------- */

static int load_program(const char *name) {
    unsigned section = section_named(name);
    uint32_t type = btf_tracepoint(name);
    if (!type)
        fail(EXIT_PROBE, "ebpf: this kernel has no tracepoint ", name);
    used = function_count = 0;
    add_function(name, UINT64_MAX);
    copy(section, 0, sections[section].sh_size);
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_TRACING,
                                 .expected_attach_type = BPF_TRACE_RAW_TP,
                                 .attach_btf_id = type,
                                 .insns = pointer(code),
                                 .insn_cnt = used,
                                 .prog_btf_fd = load_function_types(),
                                 .func_info_rec_size = sizeof *infos,
                                 .func_info = pointer(infos),
                                 .func_info_cnt = function_count,
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
    if (getrandom(secret, sizeof secret, 0) != sizeof secret)
        fail(EXIT_PROBE, "ebpf: no random numbers: ", strerror(errno));
    if (!btf_open())
        fail(EXIT_PROBE,
             "ebpf: the kernel does not describe its types (/sys/kernel/btf/vmlinux): ", strerror(errno));
    if (btf_offset("dentry", "d_name") != btf_offset("dentry", "d_parent") + 8 ||
        btf_offset("path", "mnt") != 0 || btf_offset("path", "dentry") != 8)
        fail(EXIT_PROBE, "ebpf: this kernel's types are not as expected");
    open_object();
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
