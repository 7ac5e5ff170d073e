set datafile separator ","
set title "${CHART_TITLE}"
plot "${FILE}" using 1:2 with lines
