<?php
require dirname(__DIR__) . '/src/autoload.php';
(new App\Kernel())->handle(Symfony\Component\HttpFoundation\Request::createFromGlobals())->send();
