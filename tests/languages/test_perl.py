"""Perl's modules in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = r"""
        /usr/share/perl/5.36/Carp.pm: package Carp;\nuse strict;\n=pod\n\nuse Pod;\n\n=cut\n# use Comment;\nour @ISA = ('Base');\n__END__\nuse After;\n
        /usr/share/perl/5.36/strict.pm: package strict;
        /usr/share/perl/5.36/Pod.pm: 1
        /usr/share/perl/5.36/Comment.pm: 1
        /usr/share/perl/5.36/After.pm: 1
        /usr/share/perl/5.36/Base.pm: package Base;
        /usr/lib/x86_64-linux-gnu/perl/5.36/List/Util.pm: package List::Util;
        /usr/lib/x86_64-linux-gnu/perl/5.36/auto/List/Util/Util.so: so
        /app/run.pl: use Carp;\nuse parent qw(My::Base -norequire);\nsub f { require List::Util; }\nmy $t = 'My::Table::Main';\nmy $h = <<"EOT";\nuse Pod;\nEOT\nsystem("git log");\n
        /app/lib/My/Base.pm: package My::Base;
        /app/lib/My/Table.pm: package My::Table;
        /usr/bin/git: g
"""


def test_modules_base_classes_and_compiled_parts_are_found() -> None:
    assert edges(closed(TREE, ["/usr/share/perl/5.36/Carp.pm", "/app/run.pl"])).splitlines() == [
        "/usr/share/perl/5.36/Carp.pm:2 strict -> /usr/share/perl/5.36/strict.pm (use)",
        "/usr/share/perl/5.36/Carp.pm:9 Base -> /usr/share/perl/5.36/Base.pm (@ISA, lazy)",
        "/app/run.pl:1 Carp -> /usr/share/perl/5.36/Carp.pm (use)",
        "/app/run.pl:2 My::Base -> /app/lib/My/Base.pm (use parent)",
        "/app/run.pl:3 List::Util -> /usr/lib/x86_64-linux-gnu/perl/5.36/List/Util.pm (require, lazy)",
        "/app/run.pl:3 List::Util -> /usr/lib/x86_64-linux-gnu/perl/5.36/auto/List/Util/Util.so (require, lazy)",
        "/app/run.pl:4 My::Table::Main -> /app/lib/My/Table.pm (string, lazy)",
        "/app/run.pl:8 git -> /usr/bin/git (command, lazy)",
    ]


def test_modules_are_found_by_the_link_that_is_in_inc() -> None:
    tree = r"""
        /usr/lib/x86_64-linux-gnu/perl/5.36 -> 5.36.0
        /usr/lib/x86_64-linux-gnu/perl/5.36.0/Encode.pm: package Encode;
        /app/run.pl: use Encode;\n
"""
    assert edges(closed(tree, ["/app/run.pl"])).splitlines() == [
        "/app/run.pl:1 Encode -> /usr/lib/x86_64-linux-gnu/perl/5.36/Encode.pm (use)"
    ]


def test_modules_that_the_interpreter_loads_itself_are_found() -> None:
    tree = r"""
        /usr/bin/perl: \x7fELF..\0attributes.pm\0words.pm and more\0
        /usr/share/perl/5.36/attributes.pm: package attributes;
        /usr/share/perl/5.36/words.pm: package words;
    """
    found = closed(tree.replace(r"\0", "\0").replace(r"\x7f", "\x7f"), ["/usr/bin/perl"])
    assert edges(found) == (
        "/usr/bin/perl:0 attributes.pm -> /usr/share/perl/5.36/attributes.pm (string in code, lazy)"
    )
