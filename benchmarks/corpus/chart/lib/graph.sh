run() { awk -F, "BEGIN { print \"digraph {\" } { print \"  \" \$1 \" -> \" \$2 } END { print \"}\" }" "$1" | "${3:-dot}" -T"${2:-plain}"; }
