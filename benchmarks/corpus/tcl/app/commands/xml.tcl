package require tdom
proc run {} { puts [[dom parse "<w><n>orca</n></w>"] asXML] }
