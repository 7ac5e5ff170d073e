#define _GNU_SOURCE
#include "interpreter.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

enum { HEAD = 256, TABLE = 65536 }; /* BINPRM_BUF_SIZE; the limit of fs/binfmt_elf.c for program headers */

/* As fs/binfmt_script.c reads the line. `head` has NULs behind the file's end, and one more. */
static bool script_interpreter(const char *head, char *name) {
    const char *start = head + 2 + strspn(head + 2, " \t");
    size_t size = strcspn(start, " \t\n");
    if (!size || start + size == head + HEAD) /* it may be cut there */
        return false;
    memcpy(name, start, size);
    name[size] = 0;
    return true;
}

static bool is_of_this_machine(uint16_t machine) {
#if defined(__x86_64__)
    return machine == EM_X86_64 || machine == EM_386;
#else
    return machine == EM_AARCH64 || machine == EM_ARM;
#endif
}

static bool read_name(int fd, uint64_t offset, uint64_t size, char *name) {
    return size >= 2 && size <= PATH_LIMIT && pread(fd, name, size, offset) == (ssize_t)size &&
           !name[size - 1] && *name;
}

/* The first PT_INTERP, as fs/binfmt_elf.c finds it. */
static bool elf_interpreter(int fd, const char *head, char *name) {
    static char table[TABLE];
    union {
        char bytes[HEAD];
        Elf32_Ehdr narrow;
        Elf64_Ehdr wide;
    } header;
    memcpy(&header, head, sizeof header);
    bool wide = head[EI_CLASS] == ELFCLASS64;
    uint16_t type = header.wide.e_type, machine = header.wide.e_machine; /* at the same place in both */
    uint64_t offset = wide ? header.wide.e_phoff : header.narrow.e_phoff;
    size_t count = wide ? header.wide.e_phnum : header.narrow.e_phnum;
    size_t each = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if ((type != ET_EXEC && type != ET_DYN) || !is_of_this_machine(machine) ||
        (wide ? header.wide.e_phentsize : header.narrow.e_phentsize) != each || count * each > TABLE ||
        pread(fd, table, count * each, offset) != (ssize_t)(count * each))
        return false;
    for (size_t i = 0; i < count; i++) {
        Elf32_Phdr narrow;
        Elf64_Phdr segment;
        if (wide) {
            memcpy(&segment, table + i * each, each);
        } else {
            memcpy(&narrow, table + i * each, each);
            segment = (Elf64_Phdr){
                .p_type = narrow.p_type, .p_offset = narrow.p_offset, .p_filesz = narrow.p_filesz};
        }
        if (segment.p_type == PT_INTERP)
            return read_name(fd, segment.p_offset, segment.p_filesz, name);
    }
    return false;
}

enum interpreter interpreter_of(int file, char name[PATH_LIMIT]) {
    struct stat status;
    char link[PROC_SIZE], head[HEAD + 1] = {0};
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode) || !(status.st_mode & 0111) || !status.st_size)
        return INTERPRETER_NONE; /* files of /proc have no size, and reading some has an effect */
    AUTO_CLOSE int fd = open(descriptor_path(link, file), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return INTERPRETER_NONE;
    ssize_t size = pread(fd, head, HEAD, 0);
    if (size > 2 && !memcmp(head, "#!", 2) && script_interpreter(head, name))
        return INTERPRETER_OF_SCRIPT;
    if (size > 0 && !memcmp(head, ELFMAG, SELFMAG) && elf_interpreter(fd, head, name))
        return INTERPRETER_OF_ELF;
    return INTERPRETER_NONE;
}

struct fingerprint file_version(int file, uint64_t first, uint64_t second) {
    struct stat status = {0};
    fstat(file, &status);
    struct {
        uint64_t device, inode;
        struct timespec changed;
    } version = {status.st_dev, status.st_ino, status.st_ctim};
    return fingerprint(&version, sizeof version, first, second);
}
