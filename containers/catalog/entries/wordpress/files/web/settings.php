<?php
return ['database_password' => {{ database_password }}, 'address' => {{ address }}];
