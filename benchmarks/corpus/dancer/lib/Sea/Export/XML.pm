package Sea::Export::XML;
use XML::Simple;
sub write { return XMLout({ ship => $_[0] }, RootName => 'ships') }
1;
