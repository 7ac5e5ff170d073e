run() { export FILE=$1; render page.html; }
