/* A static program in an image without anything else: prints a file, reached through a link. */
#include <stdio.h>

int main(int count, char **arguments) {
    char line[256];
    FILE *file = fopen(count > 1 ? arguments[1] : "/etc/greeting", "r");
    if (!file) {
        perror("hello");
        return 1;
    }
    while (fgets(line, sizeof line, file))
        fputs(line, stdout);
    fclose(file);
    return 0;
}
