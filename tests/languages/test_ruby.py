"""Ruby's files in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = r"""
        /usr/lib/ruby/3.1.0/set.rb: # require 'json'\nrequire "rbconfig"\n
        /usr/lib/ruby/3.1.0/x86_64-linux-gnu/rbconfig.rb: 1
        /usr/lib/ruby/3.1.0/json.rb: 1
        /var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack.rb: module Rack\n  autoload :Builder, "rack/builder"\nend\n
        /var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack/builder.rb: 1
        /var/lib/gems/3.1.0/gems/active-7.0.1/lib/active.rb: module Active\n  extend ActiveSupport::Autoload\n  autoload :XMLMini\nend\n
        /var/lib/gems/3.1.0/gems/active-7.0.1/lib/active/xml_mini.rb: 1
        /app/main.rb: require 'set'\nrequire_relative 'lib/a'\ndef f\n  require 'rack'\n  system("convert -v")\nend\nrequire 'active'\nrequire 'gone'\n
        /app/lib/a.rb: 1
        /usr/bin/convert: c
"""


def test_what_is_required_is_found_in_the_load_path_and_in_gems() -> None:
    assert edges(
        closed(
            TREE,
            ["/usr/lib/ruby/3.1.0/set.rb", "/app/main.rb", "/var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack.rb"],
        )
    ).splitlines() == [
        "/usr/lib/ruby/3.1.0/set.rb:2 rbconfig -> /usr/lib/ruby/3.1.0/x86_64-linux-gnu/rbconfig.rb (require)",
        "/app/main.rb:1 set -> /usr/lib/ruby/3.1.0/set.rb (require)",
        "/app/main.rb:2 lib/a -> /app/lib/a.rb (require_relative)",
        "/app/main.rb:4 rack -> /var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack.rb (require, lazy)",
        "/app/main.rb:5 convert -> /usr/bin/convert (command, lazy)",
        "/app/main.rb:7 active -> /var/lib/gems/3.1.0/gems/active-7.0.1/lib/active.rb (require)",
        "/var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack.rb:2 rack/builder -> /var/lib/gems/3.1.0/gems/rack-3.0.1/lib/rack/builder.rb (autoload, lazy)",
        "/var/lib/gems/3.1.0/gems/active-7.0.1/lib/active.rb:3 active/xml_mini -> /var/lib/gems/3.1.0/gems/active-7.0.1/lib/active/xml_mini.rb (autoload, lazy)",
    ]
