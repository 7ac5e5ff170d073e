run() { echo "scale=${2:-4}; $1" | bc -l; }
