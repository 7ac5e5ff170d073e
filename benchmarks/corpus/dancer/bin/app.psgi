use strict;
use warnings;
use Plack::Builder;
use Sea;

builder {
    enable 'ContentLength';
    enable 'ConditionalGET';
    mount '/'      => Sea->to_app;
    mount '/admin' => builder {
        enable 'Auth::Basic', authenticator => sub { $_[0] eq 'orca' && $_[1] eq 'krill' };
        sub { [200, ['Content-Type' => 'text/plain'], ["admin\n"]] };
    };
};
