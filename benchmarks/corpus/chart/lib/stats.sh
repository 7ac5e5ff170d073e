run() { mlr --icsv --opprint stats1 -a mean,p50 -f "$2" "$1"; }
