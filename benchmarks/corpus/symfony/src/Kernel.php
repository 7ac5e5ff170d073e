<?php
namespace App;
use Symfony\Bridge\Twig\Extension\TranslationExtension;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Exception\ResourceNotFoundException;
use Symfony\Component\Routing\Loader\YamlFileLoader;
use Symfony\Component\Routing\Matcher\UrlMatcher;
use Symfony\Component\Routing\RequestContext;
use Symfony\Component\Config\FileLocator;
use Symfony\Component\Translation\Translator;
use Symfony\Component\Translation\Loader as Load;
use Twig\Environment;
use Twig\Loader\FilesystemLoader;
class Kernel
{
    public static function twig(Translator $translator): Environment
    {
        $twig = new Environment(new FilesystemLoader(dirname(__DIR__) . '/views'), ['cache' => false]);
        $twig->addExtension(new TranslationExtension($translator));
        return $twig;
    }
    public static function translator(string $locale): Translator
    {
        $translator = new Translator($locale);
        $translator->setFallbackLocales(['en']);
        $translator->addLoader('yaml', new Load\YamlFileLoader());
        $translator->addLoader('xlf', new Load\XliffFileLoader());
        $translator->addResource('yaml', dirname(__DIR__) . '/translations/messages.en.yaml', 'en');
        $translator->addResource('xlf', dirname(__DIR__) . '/translations/messages.de.xlf', 'de');
        return $translator;
    }
    public function handle(Request $request): Response
    {
        $translator = self::translator($request->query->get('_locale', 'en'));
        $twig = self::twig($translator);
        try {
            $routes = (new YamlFileLoader(new FileLocator(dirname(__DIR__) . '/config')))->load('routes.yaml');
            $match = (new UrlMatcher($routes, (new RequestContext())->fromRequest($request)))->match($request->getPathInfo());
            [$class, $method] = explode('::', $match['action']);
            $class = "App\\Controller\\$class";
            $request->attributes->add($match);
            return (new $class($twig, $translator))->$method($request);
        } catch (ResourceNotFoundException $e) {
            return new Response($twig->render('lost.html.twig', ['path' => $request->getPathInfo()]), 404);
        } catch (\Throwable $e) {
            return new Response($twig->render('error.html.twig', ['status' => (new \Symfony\Component\ErrorHandler\ErrorRenderer\HtmlErrorRenderer(false))->render($e)->getStatusText(), 'text' => $e->getMessage()]), 500);
        }
    }
}
