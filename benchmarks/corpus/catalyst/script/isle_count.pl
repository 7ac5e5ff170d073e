#!/usr/bin/perl
use strict; use warnings; use Getopt::Long; use Pod::Usage;
use FindBin; use lib "$FindBin::Bin/../lib";
GetOptions('help|?' => \my $help, 'json' => \my $json) or pod2usage(2);
pod2usage(1) if $help;
require Isle::Schema;
my $s = Isle::Schema->connect("dbi:SQLite:$FindBin::Bin/../share/isle.db");
my $n = $s->resultset('Isle')->count;
if ($json) { require JSON::MaybeXS; print JSON::MaybeXS::encode_json({ count => $n }), "\n" } else { print "$n\n" }
__END__

=head1 SYNOPSIS

isle_count.pl [--json]

=cut
