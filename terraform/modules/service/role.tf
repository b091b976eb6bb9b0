locals {
  key_statements = var.kms_key_arn == null ? [] : [{
    Sid      = "UseKey"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [var.kms_key_arn]
  }]

  # Lambda creates the network interfaces with the role. EC2 has no narrower resources for these actions.
  network_statements = var.vpc == null ? [] : [{
    Sid    = "JoinVpc"
    Effect = "Allow"
    Action = [
      "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
      "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
    ]
    Resource = ["*"]
  }]
}

resource "aws_iam_role" "this" {
  name                 = local.full_name
  description          = "Permissions of ${var.name} in ${var.env}; docs/security.md has the reasons."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Lambda"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  tags = var.architecture_name == "" ? {} : { architecture_name = var.architecture_name }
}

resource "aws_iam_role_policy" "this" {
  name = "statements"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(jsondecode(var.statements), local.key_statements, local.network_statements)
  })
}
