package Sea::Export::JSON;
use JSON::MaybeXS;
sub write { return JSON::MaybeXS->new(canonical => 1, pretty => 1)->encode($_[0]) }
1;
