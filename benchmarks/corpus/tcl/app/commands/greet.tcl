package require msgcat
package require greeting
proc run {locale} {
    ::msgcat::mclocale $locale
    ::msgcat::mcload [file join [file dirname [info script]] .. msgs]
    puts [::greeting::hello]
}
