<?php
namespace App\Controller;
abstract class Base
{
    public function __construct(protected \Twig\Environment $twig, protected \Symfony\Component\Translation\Translator $translator) {}
}
