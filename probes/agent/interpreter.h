/* The interpreters of programs: paths in files, which the kernel opens and no system call names. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "set.h"
#include "tracee.h"

/* The most files that the kernel reads, each but the first the interpreter of the one before; then ELOOP
 * (fs/exec.c, exec_binprm). */
enum { INTERPRETER_DEPTH = 6 };

enum interpreter {
    INTERPRETER_NONE,
    INTERPRETER_OF_SCRIPT, /* after `#!`: it is executed itself, so it may have an interpreter */
    INTERPRETER_OF_ELF,    /* of PT_INTERP: it is only loaded */
};

/* Reads the interpreter that the kernel opens to execute a file that is open with O_PATH. A file that the
 * kernel would not execute has no interpreter. It waits only for a disk: no FIFO or device is opened, and no
 * lease is waited for. binfmt_misc(5) is not considered. */
enum interpreter interpreter_of(int file, char name[PATH_LIMIT]);

/* Identifies a version of an open file, with numbers that belong to it. A rewritten file is another
 * version. */
struct fingerprint file_version(int file, uint64_t first, uint64_t second);

#endif
