<?php
namespace Export;
require_once '/usr/share/php/Symfony/Component/Yaml/autoload.php';
class Yaml { function of($rows) { return \Symfony\Component\Yaml\Yaml::dump($rows); } }
