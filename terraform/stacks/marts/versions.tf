terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key (<env>/<folder>.tfstate) and region are given to init.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
