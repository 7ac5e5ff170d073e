<h1 class=dark><?= __("Posts") ?></h1><?= implode(", ", $posts) ?>
