#define _GNU_SOURCE
#include "object.h"

#include <elf.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "btf.h"
#include "maps.h"
#include "util.h"

static const unsigned char object[] __attribute__((aligned(8))) = {
#include "kernel.bpf.inc"
};

enum { INSTRUCTIONS = 1 << 14, FUNCTIONS = 64 };

static const Elf64_Ehdr *const header = (const Elf64_Ehdr *)object;
static const Elf64_Shdr *sections;
static const Elf64_Sym *symbols;
static size_t symbol_count;
static const char *symbol_names, *section_names;
static uint64_t secret[2];
static uint32_t cast; /* the number of bpf_rdonly_cast() in the kernel's types; 0: helpers read memory */

void object_open(void) {
    if (getrandom(secret, sizeof secret, 0) != sizeof secret)
        die_errno(EXIT_PROBE, "ebpf: no random numbers");
    cast = btf_function("bpf_rdonly_cast");
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

bool object_use_helper(void) {
    bool before = cast;
    cast = 0;
    return before;
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

/* Returns the place of the function that begins at an offset of .text. */
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
    die(EXIT_PROBE, "ebpf: its programs call a function that does not exist");
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
    if (!strcmp(name, "reads__directly"))
        return cast != 0;
    char structure[64];
    const char *member = strstr(name, "__");
    if (!member || (size_t)(member - name) >= sizeof structure)
        die(EXIT_PROBE, "ebpf: its programs need an unknown symbol ", name);
    memcpy(structure, name, member - name);
    structure[member - name] = 0;
    long offset = btf_offset(structure, member + 2);
    if (offset < 0)
        die(EXIT_PROBE, "ebpf: this kernel's types lack ", name);
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

/* Calls a function of the kernel, the only one that the programs need. If it may not be called, the verifier
 * never comes here. */
static void relocate_kernel_call(unsigned at) {
    if (cast)
        code[at] = (struct bpf_insn){
            .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (int32_t)cast};
    else
        code[at] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
}

/* Returns a call's target: that of its relocation or, within .text, relative to the call. */
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
        die(EXIT_PROBE, "ebpf: its programs are too large");
    memcpy(code + used, object + sections[section].sh_offset + offset, size);
    used += size / 8;
    uint64_t *called = calloc(size / 8, sizeof *called); /* 1 + the offset in a relocation */
    if (!called)
        die(EXIT_PROBE, "ebpf: out of memory");
    const Elf64_Rel *relocation = relocations(section, &count);
    for (; count; count--, relocation++) {
        if (relocation->r_offset < offset || relocation->r_offset >= offset + size)
            continue;
        unsigned at = (relocation->r_offset - offset) / 8;
        const Elf64_Sym *symbol = &symbols[ELF64_R_SYM(relocation->r_info)];
        bool is_pointer = symbol->st_shndx == section_named(".text") && symbol->st_shndx;
        if (is_call(&code[start + at]) && symbol->st_shndx == SHN_UNDEF)
            relocate_kernel_call(start + at);
        else if (is_call(&code[start + at]))
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

/* The verifier checks these functions once (ALONE in kernel.bpf.c), and needs their numbers of arguments. */
static const struct {
    const char *name;
    unsigned arguments;
} alone[] = {{"is_below", 2},    {"number_of", 5},        {"write_path", 2}, {"tell_path", 4},
             {"fingerprint", 3}, {"loader_variables", 1}, {"slot_of", 3}};
enum { ARGUMENTS = 5, TYPES_ROOM = 8192 };

static struct bpf_func_info infos[FUNCTIONS];

static void add_type(char *types, uint32_t *size, struct btf_type type) {
    memcpy(types + *size, &type, sizeof type);
    *size += sizeof type;
}

/* Describes the functions of the program: type 1 is a number, type 2 + n a function of n numbers. */
static void describe(struct program *program) {
    static char bytes[sizeof(struct btf_header) + 2 * TYPES_ROOM];
    char *types = bytes + sizeof(struct btf_header), strings[TYPES_ROOM] = "";
    uint32_t size = 0, encoding = 64, text = 1;
    append(strings + text, TYPES_ROOM - text, "number", NULL);
    add_type(types, &size, (struct btf_type){.name_off = text, .info = BTF_KIND_INT << 24, .size = 8});
    memcpy(types + size, &encoding, sizeof encoding);
    size += sizeof encoding;
    text += strlen(strings + text) + 1;
    append(strings + text, TYPES_ROOM - text, "argument", NULL);
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
            die(EXIT_PROBE, "ebpf: its programs have too many functions");
        add_type(types, &size,
                 (struct btf_type){.name_off = text, .info = BTF_KIND_FUNC << 24 | linkage, .type = proto});
        infos[i] = (struct bpf_func_info){.insn_off = functions[i].at, .type_id = 2 + ARGUMENTS + 1 + i};
        append(strings + text, TYPES_ROOM - text, functions[i].name, NULL);
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
    program->types = bytes;
    program->types_size = sizeof header + size + text;
    program->functions = infos;
    program->function_count = function_count;
}

struct program object_program(const char *name) {
    unsigned section = section_named(name);
    if (!section)
        die(EXIT_PROBE, "ebpf: it has no program for ", name);
    used = function_count = 0;
    add_function(name, UINT64_MAX);
    copy(section, 0, sections[section].sh_size);
    struct program program = {.code = code, .size = used};
    describe(&program);
    return program;
}
