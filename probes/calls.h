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

/* x32 is x86_64 with this bit set in the call's number (asm/unistd_x32.h). */
#define X32_BIT 0x40000000U

enum arch { ARCH_X86_64, ARCH_I386, ARCH_AARCH64, ARCH_ARM, ARCH_COUNT };

enum call_kind {
    CALL_PATH,       /* one or two paths; the access does not depend on anything else */
    CALL_OPEN,       /* the access depends on the open flags, in argument `flags` */
    CALL_OPENAT2,    /* as above; the flags are the first member of struct open_how, to which `flags`
                      * points */
    CALL_EXEC,       /* argv and envp follow the path */
    CALL_LIST,       /* a descriptor of a directory */
    CALL_SOCKET,     /* a socket address, in argument `path`, its length in `flags` */
    CALL_SOCKETCALL, /* i386: the number of bind, connect or listen, and a pointer to its arguments */
    CALL_FILTER, /* this and the following name no path; seccomp(2) for a listener, of which there is one */
    CALL_EXIT,   /* a thread ends, and with the last one its process */
    CALL_EXIT_GROUP,
    CALL_LISTEN,  /* trapped to look for new ports */
    CALL_NOTHING, /* trapped because it may change the root directory */
};

/* An argument that names a path. The members are indexes of arguments; -1 means none. */
struct call_name {
    uint8_t access; /* enum access */
    int8_t dirfd;   /* -1: the working directory */
    int8_t path;    /* -1: no path is named */
    uint8_t nofollow;
    int8_t flags;
    uint32_t toggle; /* the bit of `flags` that inverts nofollow */
};

struct call {
    int16_t number[ARCH_COUNT]; /* -1 if the architecture does not have it */
    uint8_t kind;               /* enum call_kind */
    uint8_t roots;              /* may change what "/" means to the caller */
    struct call_name name[2];
};

extern const struct call calls[];
extern const size_t calls_count;

/* AUDIT_ARCH_* of an architecture. */
uint32_t arch_audit(enum arch arch);

/* Returns the trapped call with this number, or NULL. `audit` and `number` are those of struct
 * seccomp_data. */
const struct call *call_find(uint32_t audit, uint32_t number);

#endif
