<?php
require_once '/usr/share/php/Slim/autoload.php';
require_once '/usr/share/php/Twig/autoload.php';
if (is_file(__DIR__ . $_SERVER['SCRIPT_NAME']) && $_SERVER['SCRIPT_NAME'] !== '/index.php') return false;
spl_autoload_register(function ($class) {
    $file = __DIR__ . '/../src/' . str_replace('\\', '/', $class) . '.php';
    if (is_file($file)) require $file;
});
$app = new \Slim\App();
$twig = new \Twig\Environment(new \Twig\Loader\FilesystemLoader(__DIR__ . '/../views'));
$app->get('/', fn ($q, $r) => $r->write($twig->render('index.twig', ['whales' => ['orca', 'beluga']])));
$app->get('/page/{name}', fn ($q, $r, $a) => $r->write($twig->render("{$a['name']}.twig", ['now' => new DateTime('@0')])));
$app->get('/json', fn ($q, $r) => $r->withJson(['orca' => 8]));
$app->get('/export/{kind}', function ($q, $r, $a) {
    $class = 'Export\\' . ucfirst($a['kind']);
    return $r->write((new $class)->of(['orca' => 8, 'beluga' => 5]));
});
$app->get('/boom', function () { throw new RuntimeException('boom'); });
$app->run();
