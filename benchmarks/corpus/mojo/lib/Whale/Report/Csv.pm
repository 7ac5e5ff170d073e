package Whale::Report::Csv;
use Mojo::Base 'Whale::Report', -signatures;
use Text::CSV;
sub lines ($self) {
  my $csv = Text::CSV->new({eol => "\n"});
  return join '', map { $csv->combine(@$_); $csv->string } $self->rows;
}
1;
