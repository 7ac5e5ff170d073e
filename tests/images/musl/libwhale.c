const char *whale(void) { return "hello whale"; }
