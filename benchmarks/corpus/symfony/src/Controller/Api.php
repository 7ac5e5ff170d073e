<?php
namespace App\Controller;
use Symfony\Component\HttpFoundation\{JsonResponse, Request, Response};
use Symfony\Component\Serializer\Encoder\{CsvEncoder, JsonEncoder, XmlEncoder, YamlEncoder};
use Symfony\Component\Serializer\Normalizer\{DateTimeNormalizer, ObjectNormalizer};
use Symfony\Component\Serializer\Serializer;
use Symfony\Component\Validator\Constraints as Assert;
use Symfony\Component\Validator\Validation;
class Api extends Base
{
    public function whales(Request $request): Response
    {
        $form = $request->attributes->get('form');
        $encoder = match ($form) { 'json' => new JsonEncoder(), 'xml' => new XmlEncoder(), 'csv' => new CsvEncoder(), 'yaml' => new YamlEncoder() };
        $serializer = new Serializer([new DateTimeNormalizer(), new ObjectNormalizer()], [$encoder]);
        return new Response($serializer->serialize([['name' => 'orca', 'seen' => new \DateTimeImmutable('2026-03-01')]], $form));
    }
    public function form(Request $request): Response
    {
        $found = Validation::createValidator()->validate($request->query->get('name', 'or'), [new Assert\NotBlank(), new Assert\Length(['min' => 3])]);
        return new JsonResponse(array_map(fn ($v) => (string) $v->getMessage(), iterator_to_array($found)), count($found) ? 422 : 200);
    }
}
