# A network for functions whose portals want to know by which address they are asked.

terraform {
  required_version = ">= 1.11, < 2.0"
}

module "network" {
  source = "../.."
  name   = "llac-example"
  cidr   = var.cidr
}
