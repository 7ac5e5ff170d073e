<?php
$filters = [];
$strings = [];
function add(string $hook, callable $call) { global $filters; $filters[$hook][] = $call; }
function apply(string $hook, $value) { global $filters; foreach ($filters[$hook] ?? [] as $call) { $value = $call($value); } return $value; }
function press_set_language(string $lang) {
    global $strings;
    $file = ROOT . "/languages/$lang.mo";
    if (!preg_match('/^[a-z]{2}$/', $lang) || !is_readable($file)) { return; }
    $data = file_get_contents($file);
    $head = unpack('V7', $data);
    for ($i = 0; $i < $head[3]; $i++) {
        $a = unpack('V2', $data, $head[4] + 8 * $i);
        $b = unpack('V2', $data, $head[5] + 8 * $i);
        $strings[substr($data, $a[2], $a[1])] = substr($data, $b[2], $b[1]);
    }
}
function __(string $text) { global $strings; return $strings[$text] ?? $text; }
function press_theme(string $view, array $data = []) {
    global $options;
    $theme = $_GET['theme'] ?? $options['theme'];
    extract($data);
    $file = ROOT . '/themes/' . basename($theme) . "/$view.php";
    include is_file($file) ? $file : ROOT . "/themes/plain/$view.php";
}
function press_home() { press_theme('home', ['posts' => press_posts()]); }
function press_posts(string $like = '%') {
    $db = new PDO('sqlite::memory:');
    $db->exec("create table post (title text); insert into post values ('Orca'), ('Krill')");
    $query = $db->prepare('select title from post where title like ?');
    $query->execute([$like]);
    return $query->fetchAll(PDO::FETCH_COLUMN);
}
function press_search() { header('Content-Type: application/json'); echo json_encode(press_posts('%' . ($_GET['q'] ?? '') . '%')); }
function press_when() {
    $format = new IntlDateFormatter($_GET['lang'] ?? 'en', IntlDateFormatter::FULL, IntlDateFormatter::LONG, $_GET['tz'] ?? 'UTC');
    echo $format->format(1772366400);
}
function press_text() { echo mb_convert_encoding(mb_strtoupper('größe'), $_GET['c'] ?? 'utf-8'), transliterator_transliterate('Any-Latin; Latin-ASCII', 'Кит'); }
function press_boom() { throw new RuntimeException('whale'); }
