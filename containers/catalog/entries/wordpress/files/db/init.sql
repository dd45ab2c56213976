CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS wordpress@'%' IDENTIFIED BY {{ database_password }};
ALTER USER wordpress@'%' IDENTIFIED BY {{ database_password }};
GRANT ALL PRIVILEGES ON wordpress.* TO wordpress@'%';
