# Saved queries of CloudWatch Logs Insights, each over all services.

locals {
  groups = [for s in local.services : "/aws/lambda/${local.prefix}-${s}"]
  queries = {
    "run by correlation id" = join("\n| ", [
      "fields @timestamp, service, msg, outcome, error, dataset, trace_id",
      "filter correlation_id = \"20250803T140512\"",
      "sort @timestamp asc",
    ])
    "errors" = join("\n| ", [
      "fields @timestamp, service, correlation_id, dataset, msg, error, @message",
      "filter level = \"ERROR\" or level = \"WARN\" or @message like /Task timed out|Runtime exited/",
      "sort @timestamp desc",
      "limit 200",
    ])
    "slowest events" = join("\n| ", [
      "filter ispresent(process_duration)",
      "stats max(process_duration) as longest_ms, pct(process_duration, 95) as p95_ms, count(*) as events by service, event_type",
      "sort longest_ms desc",
    ])
    "portals" = join("\n| ", [
      "filter ispresent(portal_response_time)",
      "stats count(*) as responses, pct(portal_response_time, 95) as p95_ms by host, status, outcome",
      "sort responses desc",
    ])
    "freshness" = join("\n| ", [
      "filter ispresent(freshness_age)",
      "stats latest(freshness_age) / 3600 as age_hours by dataset",
      "sort age_hours desc",
    ])
    "quarantine" = join("\n| ", [
      "filter ispresent(rows_quarantined)",
      "stats sum(rows_quarantined) as quarantined by dataset, run",
      "sort quarantined desc",
    ])
    "memory and cost" = join("\n| ", [
      "filter @type = \"REPORT\"",
      join(", ", [
        "stats max(@maxMemoryUsed) / 1048576 as used_mib",
        "max(@memorySize) / 1048576 as given_mib",
        "sum(@billedDuration) / 1000 as billed_seconds",
        "count(*) as invocations by @log",
      ]),
    ])
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each        = local.queries
  name            = "${local.prefix}/${each.key}"
  log_group_names = local.groups
  query_string    = each.value
}
