run() { mlr --icsv --o"${2:-json}" cat "$1"; }
