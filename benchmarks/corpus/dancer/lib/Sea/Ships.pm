package Sea::Ships;
use strict;
use warnings;
use DBI;

my $db = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', { RaiseError => 1 });
$db->do('create table ship (id integer, name text)');
$db->do('insert into ship values (1, "orca"), (2, "krill")');

sub rows  { return $db->selectall_arrayref('select id, name from ship order by id', { Slice => {} }) }
sub names { return map { $_->{name} } @{ rows() } }
sub one   { my ($id) = @_; return (grep { $_->{id} eq $id } @{ rows() })[0] }

my %exporters = (
    json => { type => 'application/json', class => 'Sea::Export::JSON' },
    xml  => { type => 'text/xml',         class => 'Sea::Export::XML' },
    csv  => { type => 'text/csv',         class => 'Sea::Export::CSV' },
    xls  => { type => 'text/plain',       class => 'Sea::Export::Sheet' },
);

sub exporter {
    my $exporter = $exporters{ $_[0] } or return;
    (my $file = "$exporter->{class}.pm") =~ s{::}{/}g;
    require $file;
    return { %$exporter, write => $exporter->{class}->can('write') };
}
1;
