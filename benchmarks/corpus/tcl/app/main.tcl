set home [file dirname [file normalize [info script]]]
lappend auto_path [file join $home lib]
set command [lindex $argv 0]
set script [file join $home commands $command.tcl]
if {![file exists $script]} {
    puts "no command $command"
    exit 2
}
source $script
run {*}[lrange $argv 1 end]
