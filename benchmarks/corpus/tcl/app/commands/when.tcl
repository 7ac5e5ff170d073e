proc run {zone {locale C}} { puts [clock format 0 -timezone $zone -locale $locale -format "%A %H:%M %Z"] }
