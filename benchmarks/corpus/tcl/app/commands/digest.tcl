package require md5
package require sha256
proc run {text} { puts "[::md5::md5 -hex $text] [::sha2::sha256 $text]" }
