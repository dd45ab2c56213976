<?php
// Adminer for one server: nobody can use this page to reach another one.
$server = getenv('DATABASE_SERVER');
if (isset($_POST['auth'])) {
    $_POST['auth']['driver'] = 'pgsql';
    $_POST['auth']['server'] = $server;
} elseif (!isset($_GET['file']) && ($_GET['pgsql'] ?? '') !== $server) {
    $account = ['pgsql' => $server, 'username' => getenv('ACCOUNT'), 'db' => getenv('DATABASE')];
    header('Location: ?' . http_build_query($account));
    exit;
}

function adminer_object() {
    $adminer = '/usr/share/adminer';
    include_once "$adminer/plugins/version-noverify.php";
    // It does not ask elsewhere whether there is a newer version: Debian brings that.
    return new Adminer\Plugins([new AdminerVersionNoverify()]);
}

require '/usr/share/adminer/adminer.php';
