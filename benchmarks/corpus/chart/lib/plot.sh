run() { export FILE=$1; render plot.gp | gnuplot -e "set terminal ${2:-dumb}" - ; }
