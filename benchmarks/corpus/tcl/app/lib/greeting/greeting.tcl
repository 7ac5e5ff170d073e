package provide greeting 1.0
namespace eval ::greeting {}
proc ::greeting::hello {} { namespace eval :: { ::msgcat::mc hello } }
