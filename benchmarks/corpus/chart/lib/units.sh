run() { units -t "$1" "$2"; }
