package require csv
proc run {file} {
    set rows 0
    set in [open $file]
    while {[gets $in line] >= 0} { incr rows [expr {[llength [::csv::split $line]] == 2}] }
    puts $rows
}
