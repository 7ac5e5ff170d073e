package require json::write
proc run {args} { puts [::json::write object orca 8 beluga [::json::write string white]] }
