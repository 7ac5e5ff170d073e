proc run {name} { binary scan [encoding convertto $name \u9be8] H* hex; puts $hex }
