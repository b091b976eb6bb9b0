# What every root derives names, sizes and event flow from. It has no resources.

locals {
  prefix = "llac-${var.env}"

  # By name, every service and the operator, who only emits. Generated from the services' values (go generate ./operations/services).
  flow = jsondecode(file("${path.module}/../../services.json"))

  services = { for name, f in local.flow : name => f if can(f.memory_mb) }

  # Attempts before a service sends a message to its dead-letter queue (messaging.DefaultMaxReceives). SQS itself moves a message ten
  # receives later (messaging.RedriveAfter): eight may wait for a portal, and a message which kills its consumer still gets there.
  max_receives = 5

  # By consumer, by producer: the event types that the subscription's filter accepts. Events sent directly into a queue need no filter.
  subscriptions = {
    for consumer, c in local.flow : consumer => {
      for producer, p in local.flow : producer => [for t in p.emits : t if contains(c.consumes, t) && !contains(c.direct, t)]
      if length([for t in p.emits : t if contains(c.consumes, t) && !contains(c.direct, t)]) > 0
    } if length(c.consumes) > 0
  }
}
