/* Seccomp filters from tables of system call numbers. */
#ifndef BPF_H
#define BPF_H

#include <stdint.h>

#include "calls.h"

enum rule_test {
    TEST_NONE,
    TEST_SOCKETCALL, /* only SYS_BIND, SYS_CONNECT and SYS_LISTEN */
    TEST_CLONE,      /* only with flags that make namespaces */
    TEST_LISTENER,   /* only with SECCOMP_FILTER_FLAG_NEW_LISTENER */
};

struct rule {
    uint32_t number;
    uint32_t action; /* SECCOMP_RET_* */
    uint8_t test;    /* enum rule_test */
};

/* Rules of one architecture, in any order; calls without a rule are allowed. */
struct rules {
    enum arch arch;
    unsigned count;
    struct rule rule[160];
};

void rules_add(struct rules *rules, int number, uint32_t action, enum rule_test test);

/* Installs one filter with the rules of the native and of the compat architecture (x32 has the native ones).
 * Returns the result of seccomp(2). */
long bpf_install(struct rules *native, struct rules *compat, unsigned flags);

#endif
