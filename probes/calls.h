/* The trapped system calls: their numbers on each architecture, and the arguments that name paths. */
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define NATIVE_ARCH ARCH_X86_64
#define COMPAT_ARCH ARCH_I386
#elif defined(__aarch64__)
#define NATIVE_ARCH ARCH_AARCH64
#define COMPAT_ARCH ARCH_ARM
#else
#error "the probe knows x86_64 (with x32 and i386) and aarch64 (with arm)"
#endif

/* x32 is x86_64 with this bit set in the number (asm/unistd_x32.h). */
#define X32_BIT 0x40000000U

enum arch { ARCH_X86_64, ARCH_I386, ARCH_AARCH64, ARCH_ARM, ARCH_COUNT };

enum call_kind {
    CALL_PATH,       /* one or two paths, nothing else decides the access */
    CALL_OPEN,       /* the open flags, in argument `flags`, decide it */
    CALL_OPENAT2,    /* the open flags are the first member of struct open_how, to which `flags` points */
    CALL_EXEC,       /* argv and envp follow the path */
    CALL_LIST,       /* a descriptor of a directory */
    CALL_SOCKET,     /* a socket address, in argument `path`, its length in `flags` */
    CALL_SOCKETCALL, /* i386: which of bind, connect, listen, and a pointer to its arguments */
    CALL_FILTER, /* this and the following name nothing; seccomp(2) for a listener, of which there is one */
    CALL_EXIT,   /* a thread ends; a process, when it is the last */
    CALL_EXIT_GROUP,
    CALL_LISTEN,  /* trapped so that ports are looked for when there may be some */
    CALL_NOTHING, /* trapped because it may change the root directory */
};

/* An argument that names a path. Indexes of arguments; -1 for none. */
struct call_name {
    uint8_t access; /* enum access */
    int8_t dirfd;   /* -1: the working directory */
    int8_t path;    /* -1: nothing is named */
    uint8_t nofollow;
    int8_t flags;
    uint32_t toggle; /* the bit of `flags` that inverts nofollow */
};

struct call {
    int16_t number[ARCH_COUNT]; /* -1 where the architecture does not have it */
    uint8_t kind;               /* enum call_kind */
    uint8_t roots;              /* may change what "/" means to the caller */
    struct call_name name[2];
};

extern const struct call calls[];
extern const size_t calls_count;

/* AUDIT_ARCH_* of an architecture. */
uint32_t arch_audit(enum arch arch);

/* The trapped call of this number, or NULL. `audit` and `number` are those of struct seccomp_data. */
const struct call *call_find(uint32_t audit, uint32_t number);

#endif
