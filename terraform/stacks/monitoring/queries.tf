# Saved queries of CloudWatch Logs Insights, over all services at once.

locals {
  groups = [for s in local.services : "/aws/lambda/${local.prefix}-${s}"]
  queries = {
    "run by correlation id" = "fields @timestamp, service, msg, outcome, error, dataset, trace_id\n| filter correlation_id = \"20250803T140512\"\n| sort @timestamp asc"
    "errors"                = "fields @timestamp, service, correlation_id, dataset, msg, error, @message\n| filter level = \"ERROR\" or level = \"WARN\" or @message like /Task timed out|Runtime exited/\n| sort @timestamp desc\n| limit 200"
    "slowest events"        = "filter ispresent(process_duration)\n| stats max(process_duration) as longest_ms, pct(process_duration, 95) as p95_ms, count(*) as events by service, event_type\n| sort longest_ms desc"
    "portals"               = "filter ispresent(portal_response_time)\n| stats count(*) as answers, pct(portal_response_time, 95) as p95_ms by host, status, outcome\n| sort answers desc"
    "freshness"             = "filter ispresent(freshness_age)\n| stats latest(freshness_age) / 3600 as age_hours by dataset\n| sort age_hours desc"
    "quarantine"            = "filter ispresent(rows_quarantined)\n| stats sum(rows_quarantined) as set_aside by dataset, run\n| sort set_aside desc"
    "memory and cost"       = "filter @type = \"REPORT\"\n| stats max(@maxMemoryUsed) / 1048576 as used_mib, max(@memorySize) / 1048576 as given_mib, sum(@billedDuration) / 1000 as billed_seconds, count(*) as calls by @log"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each        = local.queries
  name            = "${local.prefix}/${each.key}"
  log_group_names = local.groups
  query_string    = each.value
}
