scan_limit_gib = 10
# replica_region = "eu-central-1" # about doubles what storage costs
