run() { paste -d" " <(cut -d, -f1 "$1") <(cut -d, -f2 "$1" | tac) | column -t 2>/dev/null || true; sort -t, -k2 -n "$1" | head -n 2 | tr a-z A-Z; }
