# What all roots agree on without asking each other: names, sizes of the services, and who hears whom. There are no resources here.

locals {
  prefix = "llac-${var.env}"

  # Generated from events.Flow by `go generate ./test/terraform`; a test fails when it is stale.
  flow = jsondecode(file("${path.module}/../../flow.json")).flow

  # Tries before a service gives an event up (messaging.DefaultMaxReceives). SQS itself moves a message two receives later
  # (messaging.RedriveAfter), so that a consumer which finds a deadly message can still give it up with a reason.
  max_receives = 5

  # One line a service. memory is in MiB, timeout in seconds. The heavy stages take one event at a time: each needs the
  # whole of the function's memory. The fetcher's two at once are what a portal's rate limit bears.
  services = {
    scheduler       = { memory = 256, timeout = 120, batch_size = 10, maximum_concurrency = 2, ephemeral_storage = 512, allow_recursion = false, glue = false }
    fetcher         = { memory = 512, timeout = 900, batch_size = 1, maximum_concurrency = 2, ephemeral_storage = 512, allow_recursion = true, glue = false }
    validator       = { memory = 512, timeout = 300, batch_size = 1, maximum_concurrency = 4, ephemeral_storage = 512, allow_recursion = false, glue = false }
    stager          = { memory = 1024, timeout = 900, batch_size = 1, maximum_concurrency = 4, ephemeral_storage = 1024, allow_recursion = false, glue = false }
    quality-gate    = { memory = 1024, timeout = 300, batch_size = 1, maximum_concurrency = 2, ephemeral_storage = 512, allow_recursion = false, glue = true }
    landing-janitor = { memory = 512, timeout = 900, batch_size = 10, maximum_concurrency = 2, ephemeral_storage = 512, allow_recursion = false, glue = true }
  }

  # By consumer, by producer: the event types that pass the subscription's filter. What is sent straight into a queue passes none.
  subscriptions = {
    for consumer in local.flow : consumer.service => {
      for producer in local.flow : producer.service => [for t in producer.emits : t if contains(consumer.consumes, t) && !contains(consumer.direct, t)]
      if length([for t in producer.emits : t if contains(consumer.consumes, t) && !contains(consumer.direct, t)]) > 0
    } if length(consumer.consumes) > 0
  }
}
