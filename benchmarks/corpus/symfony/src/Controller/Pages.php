<?php
namespace App\Controller;
use Symfony\Component\HttpFoundation\{Request, Response};
class Pages extends Base
{
    public function index(Request $request): Response { return new Response($this->twig->render('index.html.twig')); }
    public function hello(Request $request): Response { return new Response($this->twig->render('hello.html.twig', ['name' => $request->attributes->get('name')])); }
    public function markdown(Request $request): Response
    {
        $converter = new \League\CommonMark\GithubFlavoredMarkdownConverter();
        return new Response((string) $converter->convert("# Whales\n\n| a | b |\n|---|---|\n| ~~orca~~ | 9 |\n\n- [x] seen\n"));
    }
}
