<?php
foreach (['Console', 'HttpKernel', 'HttpFoundation', 'Routing', 'Translation', 'Serializer', 'Yaml', 'Validator', 'Mime', 'Uid', 'Cache', 'String', 'PropertyAccess', 'ErrorHandler'] as $part) {
    require_once "Symfony/Component/$part/autoload.php";
}
require_once 'Symfony/Bridge/Twig/autoload.php';
require_once 'Twig/autoload.php';
require_once 'League/CommonMark/autoload.php';
spl_autoload_register(function ($class) {
    if (str_starts_with($class, 'App\\')) {
        $file = __DIR__ . '/' . strtr(substr($class, 4), '\\', '/') . '.php';
        if (is_file($file)) require $file;
    }
});
