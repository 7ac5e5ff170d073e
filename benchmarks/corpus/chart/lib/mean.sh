run() { gawk -F, "{ s += \$2 } END { printf \"%.2f\\n\", s / NR }" "$1"; }
