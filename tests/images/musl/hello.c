/* Needs a library that only its RUNPATH, $ORIGIN/../lib, leads to. */
#include <stdio.h>

const char *whale(void);

int main(void) {
    puts(whale());
    return 0;
}
