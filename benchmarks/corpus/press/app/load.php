<?php
const ROOT = __DIR__;
require ROOT . '/functions.php';
$options = json_decode(file_get_contents(ROOT . '/options.json'), true);
foreach ($options['plugins'] as $plugin) {
    include ROOT . "/plugins/$plugin/$plugin.php";
}
set_exception_handler(function ($error) {
    http_response_code(500);
    press_theme('error', ['message' => $error->getMessage()]);
});
