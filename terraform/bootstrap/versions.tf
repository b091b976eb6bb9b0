terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket is made here: terraform/tf keeps the first state locally and then moves it in.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
