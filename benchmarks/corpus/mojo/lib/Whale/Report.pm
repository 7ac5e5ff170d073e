package Whale::Report;
use Mojo::Base -base, -signatures;
sub rows ($self) { return ([name => 'length'], [orca => 8], [beluga => 5]) }
1;
