package Sea::Export::Sheet;
use Spreadsheet::WriteExcel;
sub write {
    open my $out, '>', \my $bytes or die;
    my $book = Spreadsheet::WriteExcel->new($out);
    my $sheet = $book->add_worksheet('ships');
    $sheet->write(0, 0, $_->{name}) for @{ $_[0] };
    $book->close;
    return 'sheet of ' . (length $bytes) . ' bytes';
}
1;
