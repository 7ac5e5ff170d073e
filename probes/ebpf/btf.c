#define _GNU_SOURCE
#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static char *image;
static const char *strings;
static size_t strings_size;
static const struct btf_type **types; /* by number; 0 is void */
static uint32_t count;

/* The kernel's own file is trusted; the checks only show whether we read it correctly. */
static size_t extra_size(const struct btf_type *type) {
    size_t members = BTF_INFO_VLEN(type->info);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
        return 4;
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return members * sizeof(struct btf_member);
    case BTF_KIND_ENUM:
        return members * sizeof(struct btf_enum);
    case BTF_KIND_ENUM64:
        return members * sizeof(struct btf_enum64);
    case BTF_KIND_FUNC_PROTO:
        return members * sizeof(struct btf_param);
    case BTF_KIND_DATASEC:
        return members * sizeof(struct btf_var_secinfo);
    default:
        return 0;
    }
}

static char *read_file(const char *path, size_t *size) {
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t room = 16 << 20, have = 0;
    char *bytes = malloc(room);
    ssize_t got = bytes ? 1 : -1;
    while (got > 0 && have < room && (got = read(fd, bytes + have, room - have)) > 0)
        have += got;
    if (got < 0 || have == room) {
        free(bytes);
        errno = have == room ? EFBIG : errno;
        return NULL;
    }
    *size = have;
    return bytes;
}

static bool index_types(const char *at, const char *end) {
    uint32_t room = 1 << 14;
    types = malloc(room * sizeof *types);
    for (count = 1; types && at + sizeof(struct btf_type) <= end; count++) {
        if (count == room)
            types = realloc(types, (room *= 2) * sizeof *types);
        if (!types)
            break;
        types[count] = (const struct btf_type *)at;
        at += sizeof(struct btf_type) + extra_size(types[count]);
    }
    return types && at == end;
}

bool btf_open(void) {
    size_t size;
    image = read_file("/sys/kernel/btf/vmlinux", &size);
    if (!image)
        return false;
    const struct btf_header *header = (const struct btf_header *)image;
    if (size < sizeof *header || header->magic != BTF_MAGIC || header->version != 1 ||
        header->hdr_len + (uint64_t)header->str_off + header->str_len > size ||
        header->hdr_len + (uint64_t)header->type_off + header->type_len > size)
        return errno = EINVAL, false;
    strings = image + header->hdr_len + header->str_off;
    strings_size = header->str_len;
    const char *first = image + header->hdr_len + header->type_off;
    return index_types(first, first + header->type_len) || (errno = EINVAL, false);
}

void btf_close(void) {
    free(types);
    free(image);
    types = NULL;
    image = NULL;
}

static bool is_named(uint32_t offset, const char *name) {
    return offset < strings_size && !strcmp(strings + offset, name);
}

static const struct btf_type *bare(uint32_t number) {
    const struct btf_type *type = number && number < count ? types[number] : NULL;
    while (type &&
           (BTF_INFO_KIND(type->info) == BTF_KIND_CONST || BTF_INFO_KIND(type->info) == BTF_KIND_VOLATILE ||
            BTF_INFO_KIND(type->info) == BTF_KIND_TYPE_TAG))
        type = type->type < count && type->type ? types[type->type] : NULL;
    return type;
}

static bool is_structure(const struct btf_type *type) {
    return type &&
           (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT || BTF_INFO_KIND(type->info) == BTF_KIND_UNION);
}

static long offset_in(const struct btf_type *type, const char *name, int depth) {
    const struct btf_member *member = (const struct btf_member *)(type + 1);
    for (unsigned i = 0; depth < 8 && i < BTF_INFO_VLEN(type->info); i++, member++) {
        long offset =
            (BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(member->offset) : member->offset) / 8;
        if (member->name_off && is_named(member->name_off, name))
            return offset;
        const struct btf_type *inner = member->name_off ? NULL : bare(member->type);
        long found = is_structure(inner) ? offset_in(inner, name, depth + 1) : -1;
        if (found >= 0)
            return offset + found;
    }
    return -1;
}

long btf_offset(const char *structure, const char *member) {
    for (uint32_t number = 1; number < count; number++) {
        const struct btf_type *type = types[number];
        if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT && is_named(type->name_off, structure))
            return offset_in(type, member, 0);
    }
    return -1;
}

static uint32_t number_of(uint32_t kind, const char *name) {
    for (uint32_t number = 1; number < count; number++)
        if (BTF_INFO_KIND(types[number]->info) == kind && is_named(types[number]->name_off, name))
            return number;
    return 0;
}

uint32_t btf_tracepoint(const char *name) {
    char typedef_name[64];
    return concat(typedef_name, "btf_trace_", name) ? number_of(BTF_KIND_TYPEDEF, typedef_name) : 0;
}

uint32_t btf_function(const char *name) { return number_of(BTF_KIND_FUNC, name); }
