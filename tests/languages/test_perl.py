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


def test_a_module_that_is_switched_off_is_loaded_for_it() -> None:
    tree = r"""
        /usr/share/perl/5.36/if.pm: package if;
        /usr/share/perl/5.36/warnings.pm: package warnings;
        /app/run.pl: no if $] >= 5.018, warnings => 'experimental';\nno 5.010;\n
    """
    assert edges(closed(tree, ["/app/run.pl"])).splitlines() == [
        "/app/run.pl:1 if -> /usr/share/perl/5.36/if.pm (no)",
        "/app/run.pl:1 warnings -> /usr/share/perl/5.36/warnings.pm (use if)",
    ]


def test_an_operator_loads_a_module() -> None:
    modules = ("File/Glob", "Tie/Hash/NamedCapture", "Errno")
    text = r"my @a = <$dir/*.load>;\nif ($!{ENOENT} and /(?<x>a)/) { print $+{x}; }\n"
    tree = "\n".join([f"/app/run.pl: {text}", *(f"/usr/share/perl/5.36/{name}.pm: m" for name in modules)])
    assert edges(closed(tree, ["/app/run.pl"])).splitlines() == [
        "/app/run.pl:1 File::Glob -> /usr/share/perl/5.36/File/Glob.pm (operator)",
        "/app/run.pl:2 Tie::Hash::NamedCapture -> /usr/share/perl/5.36/Tie/Hash/NamedCapture.pm (operator)",
        "/app/run.pl:2 Errno -> /usr/share/perl/5.36/Errno.pm (operator)",
    ]
    plain = tree.replace(text, r"while (my $l = <$in>) { $a < 1 and $b > 2; }\n")
    assert edges(closed(plain, ["/app/run.pl"])) == ""


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


def test_modules_whose_names_have_a_known_beginning_are_found() -> None:
    tree = """
        /app/lib/My.pm: package My; my $c = "Zone::$name"; require_module($c); load('Sink::' . $x, "$y::Other");\\n
        /app/lib/Plain.pm: package Plain; print "Zone::$name";\\n
        /usr/share/perl5/Zone.pm: package Zone;\\n1;
        /usr/share/perl5/Zone/UTC.pm: package Zone::UTC;\\n1;
        /usr/share/perl5/Zone/Tokyo.pm: package Zone::Tokyo;\\n1;
        /usr/share/perl5/Sink/File.pm: package Sink::File;\\n1;
    """
    assert edges(closed(tree, ["/app/lib/My.pm", "/app/lib/Plain.pm"])) == "\n".join(
        [
            "/app/lib/My.pm:1 Zone::UTC -> /usr/share/perl5/Zone/UTC.pm (beginning of a name, lazy)",
            "/app/lib/My.pm:1 Zone::Tokyo -> /usr/share/perl5/Zone/Tokyo.pm (beginning of a name, lazy)",
            "/app/lib/My.pm:1 Sink::File -> /usr/share/perl5/Sink/File.pm (beginning of a name, lazy)",
        ]
    )


def test_the_authors_own_modules_are_no_library() -> None:
    tree = """
        /app/lib/Sea.pm: package Sea;\\nsub f {\\n    require Tide;\\n}\\n
        /usr/share/perl5/Tide.pm: package Tide;\\nsub g {\\n    require Moon;\\n}\\n
        /usr/share/perl5/Moon.pm: package Moon;\\n
        /home/a/perl5/Lib.pm: package Lib;\\n
    """
    kept = ["/app/lib/Sea.pm", "/home/a/perl5/Lib.pm"]
    closure = closed(tree, kept, PERL5LIB="/app/lib:/home/a/perl5")
    assert closure.steps == {"/usr/share/perl5/Tide.pm": 0, "/usr/share/perl5/Moon.pm": 1}
