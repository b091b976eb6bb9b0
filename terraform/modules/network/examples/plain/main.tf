# A network for functions that need a fixed outbound address.

terraform {
  required_version = ">= 1.11, < 2.0"
}

module "network" {
  source = "../.."
  name   = "llac-example"
  cidr   = var.cidr
}
