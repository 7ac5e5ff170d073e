<?php
add('routes', fn ($routes) => $routes + ['feed' => 'feed_rss', 'feed/html' => 'feed_html']);
function feed_rss() {
    header('Content-Type: application/rss+xml');
    $doc = new DOMDocument('1.0', 'UTF-8');
    $rss = $doc->appendChild($doc->createElement('rss'));
    foreach (press_posts() as $post) { $rss->appendChild($doc->createElement('item', $post)); }
    $style = new DOMDocument();
    echo $doc->saveXML(), simplexml_load_file(ROOT . '/plugins/feed/extra.xml')->note;
}
function feed_html() { $writer = new XMLWriter(); $writer->openMemory(); $writer->writeElement('b', 'orca'); echo $writer->outputMemory(); }
