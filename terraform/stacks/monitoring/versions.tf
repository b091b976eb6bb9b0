terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # init is given bucket, key (<env>/stacks/<stack>.tfstate) and region.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
