<?php
namespace App\Controller;
use Symfony\Component\HttpFoundation\{Request, Response};
class Tools extends Base
{
    public function mail(Request $request): Response
    {
        $mail = (new \Symfony\Component\Mime\Email())->from('a@b.at')->to('c@d.at')->subject('Grüße')->text('orca')->html('<b>orca</b>')->attachFromPath(dirname(__DIR__, 2) . '/public/static/a.svg');
        return new Response(implode("\n", preg_grep('/^(Subject|Content-Type: [ti])/', explode("\r\n", $mail->toString()))));
    }
    public function pdf(Request $request): Response
    {
        require_once 'dompdf/autoload.php';
        $pdf = new \Dompdf\Dompdf();
        $pdf->loadHtml('<h1 style="font-family: sans-serif">Orca</h1>');
        $pdf->render();
        return new Response(substr($pdf->output(), 0, 8) . $pdf->getCanvas()->get_page_count());
    }
    public function when(Request $request): Response
    {
        $formatter = new \IntlDateFormatter($request->query->get('l', 'en'), \IntlDateFormatter::FULL, \IntlDateFormatter::FULL, $request->query->get('tz', 'UTC'));
        return new Response($formatter->format(1772366400) . ' ' . (new \DateTime('@1772366400'))->setTimezone(new \DateTimeZone($request->query->get('tz', 'UTC')))->format('c'));
    }
    public function uid(Request $request): Response { return new Response((string) \Symfony\Component\Uid\Uuid::v5(\Symfony\Component\Uid\Uuid::fromString(\Symfony\Component\Uid\Uuid::NAMESPACE_URL), 'orca')); }
    public function cache(Request $request): Response
    {
        $cache = new \Symfony\Component\Cache\Adapter\FilesystemAdapter('sea', 0, dirname(__DIR__, 2) . '/var');
        return new Response($cache->get('orca', fn ($item) => 'nine'));
    }
    public function slug(Request $request): Response { return new Response((string) (new \Symfony\Component\String\Slugger\AsciiSlugger('de'))->slug($request->query->get('s'))); }
    public function chart(Request $request): Response
    {
        $image = imagecreatetruecolor(20, 10); imagefilledrectangle($image, 2, 2, 9, 9, 0xff0000);
        ob_start(); imagepng($image); $png = ob_get_clean(); ob_start(); imagewebp($image);
        return new Response(sha1($png) . sha1(ob_get_clean()));
    }
    public function boom(Request $request): Response { throw new \RuntimeException('boom'); }
}
