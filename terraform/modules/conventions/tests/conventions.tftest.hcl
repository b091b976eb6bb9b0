variables {
  env = "dev"
}

run "subscriptions" {
  command = plan

  assert {
    condition = (
      output.subscriptions["validator"] == { fetcher = ["cat.llac.landing.written.v1"], operator = ["cat.llac.landing.written.v1"] }
    )
    error_message = "The validator consumes only what the fetcher or a person landed."
  }
  assert {
    condition     = output.subscriptions["fetcher"]["fetcher"] == ["cat.llac.extraction.continued.v1"]
    error_message = "The fetcher continues a long extraction by an event to itself."
  }
  assert {
    condition     = output.subscriptions["scheduler"]["operator"] == ["cat.llac.run.requested.v1"]
    error_message = "People request runs from the scheduler."
  }
  assert {
    condition = (
      alltrue([for c in values(output.subscriptions) : alltrue([for types in values(c) : !contains(types,
      "cat.llac.schedule.ticked.v1") && !contains(types, "cat.llac.sweep.ticked.v1")])])
    )
    error_message = "Ticks are sent directly to a queue and not to a topic."
  }
  assert {
    condition     = toset(keys(output.services)) == toset(keys(output.subscriptions))
    error_message = "Every service that consumes events has a size, and the reverse."
  }
}

run "sizes" {
  command = plan

  assert {
    condition     = alltrue([for s in values(output.services) : s.maximum_concurrency >= 2])
    error_message = "Lambda's minimum of concurrent invocations per mapping is two."
  }
  assert {
    condition     = alltrue([for s in values(output.services) : s.batch_size == 1 || s.memory_mb <= 512])
    error_message = "A stage with more memory takes one event at a time: each event needs all of it."
  }
  assert {
    condition = (
      [for name, s in output.services : name if s.allow_recursion] == [for name, s in output.services : name
      if length(setintersection(s.consumes, s.emits)) > 0]
    )
    error_message = "A service may call itself exactly when it consumes what it emits."
  }
}

run "names" {
  command = plan

  assert {
    condition     = output.databases == { staging = "llac_dev_staging", marts = "llac_dev_marts" } && output.prefix == "llac-dev"
    error_message = "Names are llac-<env>-<thing>, with underscores in the names of databases."
  }
}

run "an_invalid_name" {
  command = plan

  variables {
    env = "Dev_1"
  }
  expect_failures = [var.env]
}

run "metrics" {
  command = plan

  assert {
    condition     = output.metric_namespace == "Llac/dev"
    error_message = "Each environment has a namespace of its own."
  }
}
