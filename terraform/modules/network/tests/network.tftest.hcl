mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name = "llac-dev"
  cidr = "10.40.0.0/24"
}

run "addresses" {
  command = plan

  assert {
    condition = (
      toset([for s in aws_subnet.private : s.cidr_block]) == toset(["10.40.0.0/26", "10.40.0.64/26"]) &&
      aws_subnet.public.cidr_block == "10.40.0.128/26"
    )
    error_message = "The three subnets do not overlap."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.tls.from_port == 443 && aws_vpc_security_group_egress_rule.tls.to_port == 443
    error_message = "Only outbound TLS is allowed."
  }
}
