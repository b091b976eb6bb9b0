# Two dashboards. An account's first three cost nothing, as long as each shows at most 50 metrics.

locals {
  # Widgets are laid out in rows of two; each row is six units high.
  operational = [
    { title = "Alarms", type = "alarms" },
    { title = "Events dealt with, and not", stat = "SampleCount", stacked = true, metrics = concat(
      [for s in local.services : [local.ours, "process_duration", "service", s, "outcome", "ok", { label = s }]],
    [for s in local.services : [local.ours, "process_duration", "service", s, "outcome", "failed", { label = "${s} failed" }]]) },
    { title = "Time an event takes, p95 (ms)", stat = "p95", metrics = [for s in local.services : [local.ours, "process_duration", "service", s, "outcome", "ok", { label = s }]] },
    { title = "Calls that ended without an answer", stat = "Sum", metrics = [for s in local.services : ["AWS/Lambda", "Errors", "FunctionName", "${local.prefix}-${s}", { label = s }]] },
    { title = "Age of the oldest waiting event (s)", stat = "Maximum", metrics = [for s in local.services : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${local.prefix}-${s}", { label = s }]] },
    { title = "Dead letters", stat = "Maximum", metrics = [for s in local.services : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.prefix}-${s}-dlq", { label = s }]] },
    { title = "Volume: rows", stat = "Sum", metrics = [[local.ours, "rows_staged", "service", "stager", "outcome", "ok", { label = "staged" }], [local.ours, "rows_quarantined", "service", "stager", "outcome", "ok", { label = "set aside" }]] },
    { title = "Volume: bytes staged", stat = "Sum", metrics = [[local.ours, "bytes_staged", "service", "stager", "outcome", "ok", { label = "bytes" }]] },
    { title = "Portals: answer time, p95 (ms)", stat = "p95", metrics = [[local.ours, "portal_response_time", "service", "fetcher", "outcome", "ok", { label = "good" }], [local.ours, "portal_response_time", "service", "fetcher", "outcome", "failed", { label = "bad" }]] },
    { title = "Cost drivers: seconds of functions", stat = "Sum", metrics = [for s in local.services : ["AWS/Lambda", "Duration", "FunctionName", "${local.prefix}-${s}", { label = s }]] },
    { title = "Cost drivers: memory and time of functions", type = "log", query = local.queries["memory and cost"] },
    { title = "Cost of the account this month ($, once a day; us-east-1, where billing metrics are on)", stat = "Maximum", region = "us-east-1", period = 86400, metrics = [["AWS/Billing", "EstimatedCharges", "Currency", "USD", { label = "estimated" }]] },
  ]

  business = [
    { title = "Datasets not refreshed in time", stat = "Maximum", metrics = [[local.ours, "datasets_stale", "service", "scheduler", "outcome", "ok", { label = "stale datasets" }]] },
    { title = "Age of each dataset (hours)", type = "log", query = local.queries["freshness"] },
    { title = "Availability of the portals (share of good answers)", expressions = [{ expression = "FILL(good, 0) / (FILL(good, 0) + FILL(bad, 0))", label = "availability" }], stat = "SampleCount", period = 3600,
      metrics = [
        [local.ours, "portal_response_time", "service", "fetcher", "outcome", "ok", { id = "good", visible = false }],
        [local.ours, "portal_response_time", "service", "fetcher", "outcome", "failed", { id = "bad", visible = false }],
    ] },
    { title = "Portals by host and status", type = "log", query = local.queries["portals"] },
    { title = "Rows published and set aside", stat = "Sum", period = 86400, metrics = [[local.ours, "rows_staged", "service", "stager", "outcome", "ok", { label = "staged" }], [local.ours, "rows_quarantined", "service", "stager", "outcome", "ok", { label = "set aside" }]] },
    { title = "Queries: time (ms)", stat = "p95", metrics = [["AWS/Athena", "TotalExecutionTime", "QueryState", "SUCCEEDED", "QueryType", "DML", "WorkGroup", local.prefix, { label = "p95" }]] },
    { title = "Queries: bytes scanned", stat = "Sum", metrics = [["AWS/Athena", "ProcessedBytes", "QueryState", "SUCCEEDED", "QueryType", "DML", "WorkGroup", local.prefix, { label = "bytes" }]] },
    { title = "Size of the lake (bytes)", stat = "Average", period = 86400, metrics = [for class in ["StandardStorage", "StandardIAStorage"] : ["AWS/S3", "BucketSizeBytes", "BucketName", "${local.prefix}-data-${local.account}", "StorageType", class, { label = class }]] },
  ]

  alarm_names = concat(
    flatten([for s in local.services : [for a in ["dead-letters", "undelivered", "failing", "slow", "degraded"] : "${local.prefix}-${s}-${a}" if a != "slow" || !module.conventions.services[s].allow_recursion]]),
    [for a in concat(["heartbeat", "freshness", "portals", "quarantine", "clock-dead-letters"], var.notices ? ["notices"] : []) : "${local.prefix}-${a}"],
  )

  dashboards = { for name, widgets in { operational = local.operational, business = local.business } : name => {
    widgets = [for i, w in widgets : merge(
      { x = 12 * (i % 2), y = 6 * floor(i / 2), width = 12, height = 6, type = lookup(w, "type", null) == "alarms" ? "alarm" : lookup(w, "type", "metric") },
      { properties = { for k, v in {
        title  = w.title
        region = lookup(w, "region", var.region)
        alarms = lookup(w, "type", null) == "alarms" ? [for a in local.alarm_names : "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${a}"] : null
        query  = lookup(w, "type", null) == "log" ? "${join(" | ", [for g in local.groups : "SOURCE '${g}'"])} | ${w.query}" : null
        view   = lookup(w, "type", null) == "log" ? "table" : lookup(w, "type", null) == "alarms" ? null : "timeSeries"
        stat   = lookup(w, "stat", null)
        period = lookup(w, "type", null) == null ? lookup(w, "period", 300) : null
        # A metric's last element is an object of its label; expressions stand before.
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
