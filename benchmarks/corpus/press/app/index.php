<?php
require __DIR__ . '/load.php';
$path = trim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
press_set_language($_GET['lang'] ?? 'en');
$handlers = apply('routes', ['' => 'press_home', 'when' => 'press_when', 'search' => 'press_search', 'boom' => 'press_boom', 'text' => 'press_text']);
$handler = $handlers[$path] ?? null;
if (!$handler) {
    http_response_code(404);
    press_theme('404');
    exit;
}
$handler();
