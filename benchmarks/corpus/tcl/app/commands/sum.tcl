package require sqlite3
proc run {} {
    sqlite3 db :memory:
    db eval {create table w (n int); insert into w values (8), (5)}
    puts [db eval {select sum(n) from w}]
}
