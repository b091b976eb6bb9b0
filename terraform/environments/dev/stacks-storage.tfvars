scan_limit_gib = 1
