/* Opens the file that it is given through io_uring, again and again; with "poll", a thread of the kernel
 * takes the requests without a system call. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
    puts("ready");
    fflush(stdout);
    sleep(2); /* the probe comes before the ring */
    bool poll = argc == 3 && !strcmp(argv[2], "poll");
    struct io_uring_params params = {.flags = poll ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 1000};
    int ring = syscall(SYS_io_uring_setup, 4, &params);
    if (argc < 2 || ring < 0)
        return perror("io_uring_setup"), 1;
    char *queue = mmap(NULL, params.sq_off.array + 4 * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    char *done = mmap(NULL, params.cq_off.cqes + 8 * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 4 * sizeof *entries, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    if (queue == MAP_FAILED || done == MAP_FAILED || entries == MAP_FAILED)
        return 1;
    for (uint32_t n = 0;; n++) {
        entries[n % 4] = (struct io_uring_sqe){
            .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)argv[1], .open_flags = O_RDONLY};
        ((uint32_t *)(queue + params.sq_off.array))[n % 4] = n % 4;
        __atomic_store_n((uint32_t *)(queue + params.sq_off.tail), n + 1, __ATOMIC_RELEASE);
        bool sleeps = *(volatile uint32_t *)(queue + params.sq_off.flags) & IORING_SQ_NEED_WAKEUP;
        unsigned flags = poll ? IORING_ENTER_SQ_WAKEUP : IORING_ENTER_GETEVENTS;
        if ((!poll || sleeps) && syscall(SYS_io_uring_enter, ring, 1, !poll, flags, NULL, 0) < 0)
            return perror("io_uring_enter"), 1;
        uint32_t *tail = (uint32_t *)(done + params.cq_off.tail);
        while (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == n)
            usleep(1000);
        struct io_uring_cqe *result =
            (struct io_uring_cqe *)(done + params.cq_off.cqes) + n % params.cq_entries;
        if (result->res < 0)
            return 2;
        close(result->res);
        __atomic_store_n((uint32_t *)(done + params.cq_off.head), n + 1, __ATOMIC_RELEASE);
        usleep(50000);
    }
}
