<?php
add('routes', fn ($routes) => $routes + ['gallery' => 'gallery_image', 'gallery/zip' => 'gallery_zip']);
function gallery_image() {
    $image = imagecreatetruecolor(8, 8);
    imagestring($image, 1, 0, 0, 'o', 0xffffff);
    ob_start();
    match ($_GET['as'] ?? 'png') { 'jpeg' => imagejpeg($image), 'webp' => imagewebp($image), 'gif' => imagegif($image), 'bmp' => imagebmp($image), default => imagepng($image) };
    echo md5(ob_get_clean());
}
function gallery_zip() {
    $zip = new ZipArchive();
    $zip->open('/tmp/a.zip', ZipArchive::CREATE | ZipArchive::OVERWRITE);
    $zip->addFromString('a.txt', 'orca');
    $zip->close();
    echo filesize('/tmp/a.zip');
}
