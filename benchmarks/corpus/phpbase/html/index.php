<?php
$what = $_GET["what"] ?? "";
if ($what == "gd") { $i = imagecreatetruecolor(4, 2); ob_start(); imagepng($i); echo strlen(ob_get_clean()); }
elseif ($what == "intl") { echo (new NumberFormatter($_GET["l"] ?? "de", NumberFormatter::SPELLOUT))->format(42); }
elseif ($what == "sqlite") { $db = new PDO("sqlite::memory:"); echo $db->query("select 6*7")->fetchColumn(); }
elseif ($what == "xml") { echo simplexml_load_string("<a><b>krill</b></a>")->b; }
elseif ($what == "mb") { echo mb_convert_encoding("\x8c\x7e", "UTF-8", "SJIS"); }
elseif ($what == "when") { echo (new DateTime("2026-01-01T00:00:00Z"))->setTimezone(new DateTimeZone(date_default_timezone_get()))->format("c T"); }
elseif ($what == "modules") { echo implode(" ", get_loaded_extensions()); }
elseif ($what == "boom") { throw new Exception("krill"); }
else echo "whale";
