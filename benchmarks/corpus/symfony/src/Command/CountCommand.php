<?php
namespace App\Command;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Helper\Table;
use Symfony\Component\Console\Input\{InputInterface, InputOption};
use Symfony\Component\Console\Output\OutputInterface;
class CountCommand extends Command
{
    protected static $defaultName = 'whale:count';
    protected function configure(): void { $this->setDescription('Counts whales.')->addOption('format', null, InputOption::VALUE_REQUIRED, '', 'plain'); }
    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        if ($input->getOption('format') === 'table') (new Table($output))->setHeaders(['whale', 'm'])->addRow(['orca', 9])->render();
        else $output->writeln('<info>9</info>');
        return 0;
    }
}
