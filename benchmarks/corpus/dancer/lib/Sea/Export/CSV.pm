package Sea::Export::CSV;
use Text::CSV;
sub write { my $csv = Text::CSV->new({ eol => "\n" }); return join '', map { $csv->combine(@$_{qw(id name)}); $csv->string } @{ $_[0] } }
1;
