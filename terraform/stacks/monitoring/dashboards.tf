# Two dashboards. An account's first three are free, as long as each shows at most 50 metrics.

locals {
  # Metrics of one kind for every service, by name of the widget.
  by_service = {
    processed = [for s in local.services : [local.ours, "process_duration", "service", s, "outcome", "ok", { label = s }]]
    failed    = [for s in local.services : [local.ours, "process_duration", "service", s, "outcome", "failed", { label = "${s} failed" }]]
    errors    = [for s in local.services : ["AWS/Lambda", "Errors", "FunctionName", "${local.prefix}-${s}", { label = s }]]
    duration  = [for s in local.services : ["AWS/Lambda", "Duration", "FunctionName", "${local.prefix}-${s}", { label = s }]]
    age = [
      for s in local.services : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${local.prefix}-${s}", { label = s }]
    ]
    dead_letters = [
      for s in local.services : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.prefix}-${s}-dlq", { label = s }]
    ]
  }
  rows = [
    [local.ours, "rows_staged", "service", "stager", "outcome", "ok", { label = "staged" }],
    [local.ours, "rows_quarantined", "service", "stager", "outcome", "ok", { label = "quarantined" }],
  ]
  portals = [
    [local.ours, "portal_response_time", "service", "fetcher", "outcome", "ok", { label = "good" }],
    [local.ours, "portal_response_time", "service", "fetcher", "outcome", "failed", { label = "bad" }],
  ]
  queries_ok = ["QueryState", "SUCCEEDED", "QueryType", "DML", "WorkGroup", local.prefix]

  # Widgets are laid out in rows of two; each row is six units high.
  operational = [
    { title = "Alarms", type = "alarms" },
    {
      title   = "Events processed and failed", stat = "SampleCount", stacked = true,
      metrics = concat(local.by_service.processed, local.by_service.failed)
    },
    { title = "Time per event, p95 (ms)", stat = "p95", metrics = local.by_service.processed },
    { title = "Failed invocations", stat = "Sum", metrics = local.by_service.errors },
    { title = "Age of the oldest waiting event (s)", stat = "Maximum", metrics = local.by_service.age },
    { title = "Dead letters", stat = "Maximum", metrics = local.by_service.dead_letters },
    { title = "Volume: rows", stat = "Sum", metrics = local.rows },
    {
      title   = "Volume: bytes staged", stat = "Sum",
      metrics = [[local.ours, "bytes_staged", "service", "stager", "outcome", "ok", { label = "bytes" }]]
    },
    { title = "Portals: response time, p95 (ms)", stat = "p95", metrics = local.portals },
    { title = "Cost drivers: seconds of functions", stat = "Sum", metrics = local.by_service.duration },
    { title = "Cost drivers: memory and time of functions", type = "log", query = local.queries["memory and cost"] },
    {
      title   = "Cost of the account this month ($, once per day; us-east-1, where billing metrics are on)", stat = "Maximum",
      region  = "us-east-1", period = 86400,
      metrics = [["AWS/Billing", "EstimatedCharges", "Currency", "USD", { label = "estimated" }]]
    },
  ]

  business = [
    {
      title   = "Datasets not refreshed in time", stat = "Maximum",
      metrics = [[local.ours, "datasets_stale", "service", "scheduler", "outcome", "ok", { label = "stale datasets" }]]
    },
    { title = "Age of each dataset (hours)", type = "log", query = local.queries["freshness"] },
    {
      title       = "Availability of the portals (share of good responses)", stat = "SampleCount", period = 3600,
      expressions = [{ expression = "FILL(good, 0) / (FILL(good, 0) + FILL(bad, 0))", label = "availability" }],
      metrics = [
        [local.ours, "portal_response_time", "service", "fetcher", "outcome", "ok", { id = "good", visible = false }],
        [local.ours, "portal_response_time", "service", "fetcher", "outcome", "failed", { id = "bad", visible = false }],
      ]
    },
    { title = "Portals by host and status", type = "log", query = local.queries["portals"] },
    { title = "Rows published and quarantined", stat = "Sum", period = 86400, metrics = local.rows },
    {
      title   = "Queries: time (ms)", stat = "p95",
      metrics = [concat(["AWS/Athena", "TotalExecutionTime"], local.queries_ok, [{ label = "p95" }])]
    },
    {
      title   = "Queries: bytes scanned", stat = "Sum",
      metrics = [concat(["AWS/Athena", "ProcessedBytes"], local.queries_ok, [{ label = "bytes" }])]
    },
    {
      title = "Size of the lake (bytes)", stat = "Average", period = 86400,
      metrics = [
        for class in ["StandardStorage", "StandardIAStorage"] :
        ["AWS/S3", "BucketSizeBytes", "BucketName", "${local.prefix}-data-${local.account}", "StorageType", class, { label = class }]
      ]
    },
  ]

  # The alarms of modules/service, of which a service that invokes itself has no "slow", and those of the stacks.
  service_alarms = ["dead-letters", "undelivered", "failing", "slow", "degraded"]
  alarm_names = concat(
    flatten([
      for s in local.services : [
        for a in local.service_alarms : "${local.prefix}-${s}-${a}" if a != "slow" || !module.conventions.services[s].allow_recursion
      ]
    ]),
    [for a in ["heartbeat", "freshness", "portals", "quarantine", "clock-dead-letters"] : "${local.prefix}-${a}"],
    var.notices ? ["${local.prefix}-notices"] : [],
  )

  alarm_arns = [for a in local.alarm_names : "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${a}"]
  sources    = join(" | ", [for g in local.groups : "SOURCE '${g}'"])

  dashboards = { for name, widgets in { operational = local.operational, business = local.business } : name => {
    widgets = [for i, w in widgets : merge(
      { x = 12 * (i % 2), y = 6 * floor(i / 2), width = 12, height = 6 },
      { type = lookup(w, "type", null) == "alarms" ? "alarm" : lookup(w, "type", "metric") },
      { properties = { for k, v in {
        title  = w.title
        region = lookup(w, "region", var.region)
        alarms = lookup(w, "type", null) == "alarms" ? local.alarm_arns : null
        query  = lookup(w, "type", null) == "log" ? "${local.sources} | ${w.query}" : null
        view   = lookup(w, "type", null) == "log" ? "table" : lookup(w, "type", null) == "alarms" ? null : "timeSeries"
        stat   = lookup(w, "stat", null)
        period = lookup(w, "type", null) == null ? lookup(w, "period", 300) : null
        # The last element of a metric is an object with its label. Expressions come first.
        metrics = lookup(w, "type", null) == null ? concat([for e in lookup(w, "expressions", []) : [e]], w.metrics) : null
        stacked = lookup(w, "stacked", null)
      } : k => v if v != null } },
    )]
  } }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each       = { for name, body in local.dashboards : name => body if contains(var.dashboards, name) }
  dashboard_name = "${local.prefix}-${each.key}"
  dashboard_body = jsonencode(each.value)
}
