<?php
final class Fish
{
    /** @return string[] */
    public static function all(): array
    {
        return ['krill', 'orca', 'whale'];
    }
}
