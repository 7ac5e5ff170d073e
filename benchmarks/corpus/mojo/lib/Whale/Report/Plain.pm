package Whale::Report::Plain;
use Mojo::Base 'Whale::Report', -signatures;
sub lines ($self) { return join "\n", map { join ' ', @$_ } $self->rows }
1;
