<?php
/*
Plugin Name: Here
Description: The site reaches itself without leaving its container, whatever its address is outside: its timetable depends on it.
*/
add_action('http_api_curl', function ($handle, $arguments, $url) {
    $asked = wp_parse_url($url);
    $own = wp_parse_url(home_url());
    if ($asked['scheme'] === 'http' && $asked['host'] === $own['host'] && ($asked['port'] ?? 80) === ($own['port'] ?? 80)) {
        curl_setopt($handle, CURLOPT_CONNECT_TO, ['::127.0.0.1:8080']);
    }
}, 10, 3);
