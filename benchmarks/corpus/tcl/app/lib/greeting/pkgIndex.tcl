package ifneeded greeting 1.0 [list source [file join $dir greeting.tcl]]
