/* The interpreters of programs: paths in files, which the kernel opens and no system call names. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "set.h"
#include "tracee.h"

/* How many files the kernel looks at, each but the first the interpreter of the one before (fs/exec.c,
 * exec_binprm): then ELOOP. */
enum { INTERPRETER_DEPTH = 6 };

enum interpreter {
    INTERPRETER_NONE,
    INTERPRETER_OF_SCRIPT, /* after `#!`: itself executed, so it may have one */
    INTERPRETER_OF_ELF,    /* of PT_INTERP: loaded, and that is all */
};

/* Reads what the kernel opens to execute a file that is open with O_PATH. A file that is none, or that the
 * kernel would not execute, has no interpreter. It waits for nothing but a disk: no FIFO or device is opened,
 * no lease waited for. binfmt_misc (binfmt_misc(5)) is not looked at. */
enum interpreter interpreter_of(int file, char name[PATH_LIMIT]);

/* Identifies a version of an open file, and numbers that belong to it. One that is written anew is another.
 */
struct fingerprint file_version(int file, uint64_t first, uint64_t second);

#endif
