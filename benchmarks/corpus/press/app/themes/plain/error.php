<h1><?= __("Error") ?></h1><?= $message ?>
