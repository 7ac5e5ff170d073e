<h1><?= __("Not here") ?></h1>
