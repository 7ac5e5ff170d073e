/* Each architecture's rules become a binary search over intervals of numbers: about seven jumps for a call,
 * and the kernel's own bitmap of always allowed numbers (Linux 5.11) saves even those. */
#include "bpf.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

enum { LIMIT = 2048 };

static struct sock_filter program[LIMIT];
static unsigned length;

struct interval {
    uint32_t first, last, action;
    uint8_t test;
};

static void emit(uint16_t code, uint32_t k, unsigned yes, unsigned no) {
    if (length == LIMIT || yes > 255 || no > 255)
        die(EXIT_PROBE, "init: the filter is too large");
    program[length++] = (struct sock_filter){code, yes, no, k};
}

static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
static void give(uint32_t action) { emit(BPF_RET | BPF_K, action, 0, 0); }
static void jump_equal(uint32_t k, unsigned yes, unsigned no) { emit(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no); }
static void jump_above(uint32_t k, unsigned yes, unsigned no) { emit(BPF_JMP | BPF_JGE | BPF_K, k, yes, no); }

/* The low halves of arguments: little-endian, as both architectures are. */
static const size_t first_argument = offsetof(struct seccomp_data, args);
static const size_t second_argument = offsetof(struct seccomp_data, args) + 8;

/* All CLONE_NEW* that are flags of clone(2), as in Docker's default profile. */
enum { CLONE_NEW_NAMESPACES = 0x7e020000 };

static unsigned action_size(const struct interval *interval) { return interval->test == TEST_NONE ? 1 : 5; }

static void emit_action(const struct interval *interval) {
    if (interval->test == TEST_SOCKETCALL) {
        enum { FIRST = 2, AFTER_LAST = 5 }; /* SYS_BIND, SYS_CONNECT, SYS_LISTEN */
        load(first_argument);
        jump_above(AFTER_LAST, 1, 0);
        jump_above(FIRST, 1, 0);
        give(SECCOMP_RET_ALLOW);
    } else if (interval->test != TEST_NONE) {
        bool clone = interval->test == TEST_CLONE;
        load(clone ? first_argument : second_argument);
        emit(BPF_ALU | BPF_AND | BPF_K, clone ? CLONE_NEW_NAMESPACES : SECCOMP_FILTER_FLAG_NEW_LISTENER, 0,
             0);
        jump_equal(0, 0, 1);
        give(SECCOMP_RET_ALLOW);
    }
    give(interval->action);
}

static unsigned tree_size(const struct interval *intervals, unsigned count) {
    if (count == 0)
        return 1;
    if (count == 1)
        return action_size(intervals) + 1 + (intervals->first == intervals->last ? 1 : 2);
    return 1 + tree_size(intervals, count / 2) + tree_size(intervals + count / 2, count - count / 2);
}

static void emit_tree(const struct interval *intervals, unsigned count) {
    unsigned half = count / 2;
    if (count > 1) {
        unsigned left = tree_size(intervals, half);
        if (left <= 255) {
            jump_above(intervals[half].first, left, 0);
        } else {
            die(EXIT_PROBE, "init: the filter's branches are too far apart");
        }
        emit_tree(intervals, half);
        emit_tree(intervals + half, count - half);
        return;
    }
    if (count == 1) {
        unsigned size = action_size(intervals);
        if (intervals->first == intervals->last) {
            jump_equal(intervals->first, 0, size);
        } else {
            jump_above(intervals->first, 0, size + 1);
            jump_above(intervals->last + 1, size, 0);
        }
        emit_action(intervals);
    }
    give(SECCOMP_RET_ALLOW);
}

static int by_number(const void *left, const void *right) {
    const struct rule *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

static unsigned merge(struct rules *rules, struct interval *intervals) {
    unsigned count = 0;
    qsort(rules->rule, rules->count, sizeof *rules->rule, by_number);
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rule[i];
        struct interval *last = count ? &intervals[count - 1] : NULL;
        if (last && last->last + 1 == rule->number && last->action == rule->action && !last->test &&
            !rule->test)
            last->last++;
        else if (!last || last->last != rule->number)
            intervals[count++] = (struct interval){rule->number, rule->number, rule->action, rule->test};
    }
    return count;
}

void rules_add(struct rules *rules, int number, uint32_t action, enum rule_test test) {
    if (number < 0)
        return;
    if (rules->count == sizeof rules->rule / sizeof *rules->rule)
        die(EXIT_PROBE, "init: the filter has too many rules");
    rules->rule[rules->count++] = (struct rule){number, action, test};
}

static void emit_arch(struct rules *rules) {
    struct interval intervals[sizeof rules->rule / sizeof *rules->rule];
    unsigned count = merge(rules, intervals);
    bool x32 = rules->arch == ARCH_X86_64;
    unsigned size = 1 + x32 + tree_size(intervals, count);
    jump_equal(arch_audit(rules->arch), 1, 0);
    emit(BPF_JMP | BPF_JA, size, 0, 0); /* a conditional jump does not reach over it */
    load(offsetof(struct seccomp_data, nr));
    if (x32)
        emit(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT, 0, 0);
    emit_tree(intervals, count);
}

long bpf_install(struct rules *native, struct rules *compat, unsigned flags) {
    length = 0;
    load(offsetof(struct seccomp_data, arch));
    emit_arch(native);
    emit_arch(compat);
    give(SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {length, program};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}
