package Whale::Report::Table;
use Mojo::Base 'Whale::Report', -signatures;
use DBI;
sub lines ($self) {
  my $db = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', {RaiseError => 1});
  $db->do('create table w (name text, length int)');
  my ($head, @rows) = $self->rows;
  $db->do('insert into w values (?, ?)', undef, @$_) for @rows;
  return $db->selectrow_array('select sum(length) from w');
}
1;
