"""PHP's files and classes in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = r"""
        /srv/index.php: <?php\nrequire __DIR__ . '/vendor/autoload.php';\n// include 'no.php';\nuse App\\Web\\Page;\n$p = new Page();\nfunction f() { include 'part.php'; exec('convert x'); }\n
        /srv/no.php: <?php
        /srv/part.php: <?php
        /srv/vendor/autoload.php: <?php require_once __DIR__ . '/composer/autoload_real.php';
        /srv/vendor/composer/autoload_real.php: <?php
        /srv/vendor/composer/autoload_psr4.php: <?php return array(\n 'App\\' => array($baseDir . '/src'),\n);
        /srv/vendor/composer/autoload_files.php: <?php return array(\n '1a' => $vendorDir . '/x/functions.php',\n);
        /srv/vendor/x/functions.php: <?php
        /srv/src/Web/Page.php: <?php\nnamespace App\\Web;\nclass Page extends Base {}\n
        /srv/src/Web/Base.php: <?php
        /usr/bin/convert: c
"""


def test_includes_and_classes_of_composer_are_found() -> None:
    assert edges(closed(TREE, ["/srv/index.php"])).splitlines() == [
        "/srv/index.php:2 ./vendor/autoload.php -> /srv/vendor/autoload.php (require)",
        "/srv/index.php:2 ./vendor/autoload.php -> /srv/vendor/composer/autoload_files.php (require)",
        "/srv/index.php:2 ./vendor/autoload.php -> /srv/vendor/composer/autoload_psr4.php (require)",
        "/srv/index.php:2 ./vendor/autoload.php -> /srv/vendor/composer/autoload_real.php (require)",
        "/srv/index.php:2 ./vendor/autoload.php -> /srv/vendor/x/functions.php (autoload_files.php)",
        "/srv/index.php:6 part.php -> /srv/part.php (include, lazy)",
        "/srv/index.php:6 convert -> /usr/bin/convert (command, lazy)",
        "/srv/vendor/autoload.php:1 ./composer/autoload_real.php -> /srv/vendor/composer/autoload_real.php (require)",
    ]
