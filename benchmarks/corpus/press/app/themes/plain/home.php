<!doctype html><link rel=stylesheet href=/themes/plain/style.css><h1><?= __("Posts") ?></h1><?php foreach ($posts as $post): ?><p><?= htmlspecialchars($post) ?></p><?php endforeach ?>
