<?php
spl_autoload_register(fn (string $class) => require dirname(__DIR__) . '/' . strtolower($class) . '.php');

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/':
        echo mb_strtoupper(implode(', ', Fish::all())), "\n";
        break;
    case '/fishes.json':
        header('Content-Type: application/json');
        echo json_encode(Fish::all());
        break;
    default:
        http_response_code(404);
        echo "no such page\n";
}
