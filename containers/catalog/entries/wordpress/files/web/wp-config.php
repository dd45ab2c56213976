<?php
// What this installation of WordPress knows before it asks its database.
$settings = require '/srv/site/settings.php';

define('DB_HOST', getenv('DATABASE_SERVER'));
define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', $settings['database_password']);
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

// Without an address of its own the site follows the one that was asked for: it can be reached under all of the host's names.
$address = rtrim($settings['address'], '/');
if ($address === '') {
    $host = $_SERVER['HTTP_HOST'] ?? '127.0.0.1:8080';
    if (!preg_match('/^([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?$/iD', $host)) {
        http_response_code(400);
        exit('This host name cannot be served.');
    }
    $address = "http://$host";
}
// A proxy in front of it speaks TLS for it.
if (str_starts_with($address, 'https://')) {
    $_SERVER['HTTPS'] = 'on';
}
define('WP_HOME', $address);
define('WP_SITEURL', $address);

// WordPress itself comes with the image, and its translations, too; what is added to it lies in the volume.
define('WP_CONTENT_DIR', '/srv/site/wp-content');
define('WP_CONTENT_URL', "$address/wp-content");
define('WP_LANG_DIR', '/usr/share/wordpress/wp-content/languages');
define('WPMU_PLUGIN_DIR', '/usr/local/share/wordpress/must-use');
define('FS_METHOD', 'direct');
define('WP_AUTO_UPDATE_CORE', false);
define('DISALLOW_FILE_EDIT', true);

if (!defined('ABSPATH')) {
    define('ABSPATH', '/usr/share/wordpress/');
}
require_once ABSPATH . 'wp-settings.php';
