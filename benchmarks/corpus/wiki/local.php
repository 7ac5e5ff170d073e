<?php
$conf['title'] = 'Whales';
$conf['useacl'] = 0;
$conf['basedir'] = '/dokuwiki/';
$conf['dformat'] = 'x';
$conf['showuseras'] = 'loginname';
$conf['updatecheck'] = 0;
